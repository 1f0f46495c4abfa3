"""Pages of the rules workbench."""

from __future__ import annotations

from django.urls import path

from policy.rules import views

page_routes = [
    path("rules", views.OverviewPage.as_view(), name="rules"),
    path("rules/new", views.NewPage.as_view(), name="ruleset-new"),
    path("rules/contracts/<str:name>", views.ContractPage.as_view(), name="rules-contract"),
    path("rules/contracts/<str:name>/rollback", views.RollBackPage.as_view(), name="rules-rollback"),
    path("rules/sets/<str:name>", views.RulesetPage.as_view(), name="ruleset"),
    path("rules/sets/<str:name>/reach", views.ReachPage.as_view(), name="ruleset-reach"),
    path("rules/sets/<str:name>/edit", views.EditPage.as_view(), name="ruleset-edit"),
    path(
        "rules/sets/<str:name>/versions/<str:version>/activate",
        views.ActivatePage.as_view(),
        name="ruleset-activate",
    ),
]
