"""Handing out, place by place: what is held in one project is not handed out in all."""

from __future__ import annotations

import pytest

from decisionos.kernel.tenants import scope
from tenancy.access import services as access
from tenancy.organizations import services as organizations
from tenancy.organizations.models import Project
from tests.tenancy import cast

pytestmark = pytest.mark.django_db


def _bound(*, effect: str = "allow", role: str = "admin") -> tuple[cast.Actor, Project]:
    """Return a key that works in one project, and is allowed or denied ``vault.unseal`` there only."""
    place = cast.organization()
    with scope.tenant_scope(place.id):
        project = organizations.create_project(slug="loans", name="Loans")
    one = cast.actor(role, of=place, project_id=project.id)
    with scope.tenant_scope(place.id):
        access.grant(
            subject_kind="key",
            subject_id=one.key.id,
            permission="vault.unseal",
            effect=effect,
            scope_kind="project",
            scope_id=project.id,
        )
    return one, project


def _grant(one: cast.Actor, **place: str) -> int:
    body = {"subject_kind": "key", "subject_id": str(one.key.id), "permission": "vault.unseal", **place}
    return one.call("POST", "rbac/grant", body).status_code


@pytest.mark.requirement("N-M3")
class TestPlaces:
    """What is held in one project."""

    def test_is_handed_out_there_and_nowhere_else(self) -> None:
        one, project = _bound()
        assert _grant(one) == 403
        assert _grant(one, scope_kind="project", scope_id=str(project.id)) == 201

    def test_makes_a_key_for_that_project_and_none_for_the_whole_organization(self) -> None:
        one, project = _bound()
        body = {"name": "k", "role": "security_admin", "scopes": ["vault.unseal"]}
        assert one.call("POST", "keys", body).status_code == 403
        assert one.call("POST", "keys", {**body, "project_id": str(project.id)}).status_code == 201

    def test_is_not_won_back_where_it_is_denied(self) -> None:
        one, project = _bound(effect="deny", role="owner")
        assert _grant(one) == 403
        assert _grant(one, scope_kind="project", scope_id=str(project.id)) == 403
        body = {"name": "k", "role": "security_admin", "scopes": ["vault.unseal"]}
        assert one.call("POST", "keys", body).status_code == 403
