"""The published description of tenancy's routes, and the layers beneath them."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.test import Client

from decisionos.urls import api_routes

OWN = ("tenancy.",)


@pytest.mark.django_db
class TestRoutes:
    """Every route of tenancy."""

    def test_names_the_permission_of_each_of_its_methods(self) -> None:
        for route in api_routes():
            view = getattr(route.callback, "view_class", None)
            if view is None or not view.__module__.startswith(OWN):
                continue
            methods = [
                name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(view, name)
            ]
            for method in methods:
                named = view.required_permission
                assert named.get(method) if isinstance(named, dict) else named, f"{route.pattern} {method}"

    def test_is_in_the_openapi_document(self, client: Client) -> None:
        paths = client.get("/api/v1/openapi.json", headers={"Accept": "application/json"}).json()["paths"]
        wanted = [
            "whoami",
            "rbac/grant",
            "keys",
            "pat/create",
            "config/reload",
            "consent/grant",
            "auth/token",
        ]
        assert [place for place in wanted if f"/api/v1/{place}" not in paths] == []


@pytest.mark.django_db
def test_the_migrations_of_tenancy_say_what_its_models_say() -> None:
    labels = [f"tenancy_{name}" for name in ("organizations", "identity", "access", "privacy")]
    call_command("makemigrations", *labels, check=True, dry_run=True, verbosity=0)
