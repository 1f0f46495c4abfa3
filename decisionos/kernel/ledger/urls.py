"""Addresses of the ledger's pages."""

from __future__ import annotations

from django.urls import path

from decisionos.kernel.ledger import views

page_routes = [
    path("ledger", views.EntriesPage.as_view(), name="ledger"),
    path("ledger/checkpoints", views.CheckpointsPage.as_view(), name="ledger-checkpoints"),
    path("ledger/verifications", views.RunsPage.as_view(), name="ledger-runs"),
    path("ledger/verify", views.VerifyPage.as_view(), name="ledger-verify"),
    path("ledger/export", views.ExportPage.as_view(), name="ledger-export"),
    path("ledger/entries/<uuid:entry_id>", views.EntryPage.as_view(), name="ledger-entry"),
    path("ledger/entries/<uuid:entry_id>/proof.json", views.ProofPage.as_view(), name="ledger-proof"),
]
