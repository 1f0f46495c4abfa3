"""A key that is bound to one project: everything else is closed to it."""

from __future__ import annotations

import pytest

from decisionos.kernel.tenants import scope
from tenancy.access import registry
from tenancy.access import services as access
from tenancy.organizations import services as organizations
from tenancy.organizations.models import Project
from tests.tenancy import cast

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("N-D73")]


def _bound(role: str = "owner") -> tuple[cast.Actor, cast.Actor, Project, Project]:
    """Return the owner, a key bound to one project, that project and another."""
    owner = cast.actor()
    with scope.tenant_scope(owner.organization.id):
        own = organizations.create_project(slug="loans", name="Loans")
        other = organizations.create_project(slug="cards", name="Cards")
    return owner, cast.actor(role, of=owner.organization, project_id=own.id), own, other


class TestBoundKey:
    """What it may do."""

    def test_is_what_its_role_may_inside_its_project(self) -> None:
        _, one, own, _ = _bound()
        held = one.call("GET", "whoami").json()["permissions"]
        assert set(held) == registry.ROLES["owner"] - registry.ORGANIZATION_WIDE
        assert one.call("GET", f"projects/{own.id}").status_code == 200
        assert one.call("DELETE", f"projects/{own.id}").status_code == 204

    def test_is_nothing_in_another_project(self) -> None:
        _, one, own, other = _bound()
        assert one.call("GET", f"projects/{other.id}").status_code == 403
        assert one.call("DELETE", f"projects/{other.id}").status_code == 403
        place = f"orgs/{one.organization.id}/projects"
        assert [row["id"] for row in one.call("GET", place).json()["results"]] == [str(own.id)]

    @pytest.mark.parametrize(
        ("method", "place"),
        [
            ("GET", "config"),
            ("GET", "consent"),
            ("GET", "ledger/entries"),
            ("POST", "config/reload"),
            ("POST", "orgs/{organization}/projects"),
            ("POST", "orgs"),
        ],
    )
    def test_is_nothing_of_the_organization_as_a_whole(self, method: str, place: str) -> None:
        _, one, _, _ = _bound()
        filled = place.format(organization=one.organization.id)
        body = {"name": "New"} if method == "POST" else None
        assert one.call(method, filled, body).status_code == 403

    @pytest.mark.parametrize("action", sorted(registry.PERMISSIONS))
    def test_is_never_more_than_without_the_bound(self, action: str) -> None:
        owner, one, own, other = _bound()
        tenant = owner.organization.id
        free = access.Subject(kind="key", id=owner.key.id, tenant_id=tenant, role="owner")
        bound = access.Subject(kind="key", id=one.key.id, tenant_id=tenant, role="owner", project_id=own.id)
        with scope.tenant_scope(tenant):
            inside = access.is_allowed(bound, action, own)
            assert inside is (access.is_allowed(free, action) and action not in registry.ORGANIZATION_WIDE)
            assert not access.is_allowed(bound, action, other)
            assert not access.is_allowed(bound, action, owner.organization)
            assert not access.is_allowed(bound, action, context={"project_id": other.id})

    def test_hands_nothing_out_beyond_its_project(self) -> None:
        owner, one, own, other = _bound()
        body = {"name": "k", "role": "reviewer"}
        assert one.call("POST", "keys", body).status_code == 403
        assert one.call("POST", "keys", {**body, "project_id": str(other.id)}).status_code == 403
        assert one.call("POST", "keys", {**body, "project_id": str(own.id)}).status_code == 201
        assert one.call("DELETE", f"keys/{owner.key.id}").status_code == 403
        assert {row["project_id"] for row in one.call("GET", "keys").json()["results"]} == {str(own.id)}
        token = {"name": "t", "scopes": ["policy.read"], "project": str(other.id)}
        assert one.call("POST", "pat/create", token).status_code == 403
        deny = {"subject_kind": "key", "subject_id": str(owner.key.id), "role": "owner", "effect": "deny"}
        assert one.call("POST", "rbac/grant", deny).status_code == 403
        assert owner.call("GET", "whoami").json()["permissions"] != []

    def test_takes_no_grant_back_that_reaches_further(self) -> None:
        owner, one, _, _ = _bound()
        with scope.tenant_scope(owner.organization.id):
            wide = access.grant(subject_kind="key", subject_id=owner.key.id, role="auditor")
        assert one.call("POST", "rbac/revoke", {"id": str(wide.id)}).status_code == 403
        assert one.call("GET", "rbac/grants").json()["results"] == []
