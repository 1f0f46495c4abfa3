"""Every route of the API, every verb: closed without a key, and blind to another organization's ids."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from decisionos.kernel.tenants import scope
from decisionos.urls import api_routes
from tenancy.access import services as access
from tenancy.organizations.models import Project
from tests.tenancy import cast

VERBS = ("get", "post", "put", "patch", "delete")
PUBLIC = {"auth/token", "auth/jwks.json", "oauth/jwks.json", "ledger/keys"}


def _doors() -> Iterator[tuple[str, str, Any]]:
    for route in api_routes():
        view = getattr(route.callback, "view_class", None) or getattr(route.callback, "cls", None)
        if view is None:
            continue
        for verb in VERBS:
            if hasattr(view, verb):
                yield verb.upper(), str(route.pattern), view


DOORS = sorted({(verb, place): view for verb, place, view in _doors()}.items(), key=lambda door: door[0])


def _filled(place: str) -> str:
    filled = re.sub(r"<uuid:\w+>", str(uuid.UUID(int=9)), place)
    return re.sub(r"<(?:int:\w+)>", "1", re.sub(r"<(?:(?:str|slug|path):)?[a-z_]+>", "name", filled))


@pytest.mark.django_db
@pytest.mark.requirement("F-M1")
class TestWithoutKey:
    """Nobody enters unknown."""

    @pytest.mark.parametrize(("verb", "place"), [door for door, _ in DOORS if door[1] not in PUBLIC])
    def test_is_refused(self, verb: str, place: str) -> None:
        answer = cast.call(verb, _filled(place), {} if verb != "GET" else None)
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"].startswith("Bearer")
        assert answer["Content-Type"] == "application/problem+json"

    def test_stays_outside_in_far_more_than_tenancy(self) -> None:
        assert len(DOORS) > 25
        public = {place for (_, place), view in DOORS if getattr(view, "required_permission", "") == "public"}
        assert public <= PUBLIC


@pytest.mark.django_db
@pytest.mark.requirement("F-M1", "F-D35")
class TestOtherOrganization:
    """An owner with another organization's ids."""

    @pytest.mark.parametrize(
        ("verb", "place"),
        [
            ("GET", "orgs/{organization}"),
            ("GET", "orgs/{organization}/projects"),
            ("POST", "orgs/{organization}/projects"),
            ("GET", "projects/{project}"),
            ("DELETE", "projects/{project}"),
            ("DELETE", "keys/{key}"),
            ("POST", "pat/revoke"),
            ("POST", "rbac/revoke"),
            ("POST", "keys"),
            ("POST", "pat/create"),
            ("POST", "rbac/grant"),
        ],
    )
    def test_finds_nothing_and_changes_nothing(self, verb: str, place: str) -> None:
        one, two = cast.actor(), cast.actor(slug="other")
        with scope.tenant_scope(one.organization.id):
            project = Project.objects.get()
            granted = access.grant(subject_kind="key", subject_id=one.key.id, role="agent")
        bodies: dict[str, dict[str, Any]] = {
            "orgs/{organization}/projects": {"name": "Taken"},
            "pat/revoke": {"id": str(one.key.id)},
            "rbac/revoke": {"id": str(granted.id)},
            "keys": {"name": "k", "role": "agent", "project_id": str(project.id)},
            "pat/create": {"name": "k", "scopes": ["policy.read"], "project": str(project.id)},
            "rbac/grant": {
                "subject_kind": "key",
                "subject_id": str(two.key.id),
                "role": "agent",
                "scope_kind": "project",
                "scope_id": str(project.id),
            },
        }
        before = one.kinds()
        filled = place.format(organization=one.organization.id, project=project.id, key=one.key.id)
        answer = two.call(verb, filled, bodies.get(place) if verb == "POST" else None)
        assert answer.status_code == 404
        assert one.kinds() == before
        assert one.call("GET", "whoami").status_code == 200


@pytest.mark.django_db
class TestOptions:
    """Nothing is told of a route to nobody."""

    def test_is_not_offered(self) -> None:
        assert Client().options("/api/v1/whoami").status_code == 404
