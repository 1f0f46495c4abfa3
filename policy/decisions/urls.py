"""Addresses of the pages of decisions."""

from __future__ import annotations

from django.urls import path

from policy.decisions.views import detail, home, lists

page_routes = [
    path("home", home.HomePage.as_view(), name="home"),
    path("decisions", lists.DecisionsPage.as_view(), name="decisions"),
    path("decisions/<uuid:decision_id>", detail.DecisionPage.as_view(), name="decision"),
    path("decisions/<uuid:decision_id>/replay", detail.ReplayPage.as_view(), name="decision-replay"),
    path("decisions/<uuid:decision_id>/verify", detail.VerifyPage.as_view(), name="decision-verify"),
    path("decisions/<uuid:decision_id>/proof.json", detail.ProofPage.as_view(), name="decision-proof"),
    path("decisions/<uuid:decision_id>/personal", detail.PersonalPage.as_view(), name="decision-personal"),
]
