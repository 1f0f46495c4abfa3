"""Organizations and projects over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from decisionos.kernel.tenants import scope
from tenancy.identity import services as identity
from tenancy.organizations import services
from tenancy.organizations.enums import OrganizationStatus
from tenancy.organizations.models import Environment, Organization, Project
from tests.tenancy import cast

pytestmark = pytest.mark.django_db


def _staff(email: str = "ann@example.com", *, slug: str = "acme", **more: Any) -> cast.Actor:
    """Return a personal token of somebody who runs the installation, or nearly."""
    rights = {name: more.pop(name, True) for name in ("is_staff", "is_superuser")}
    person = identity.create_user(email=email, password="correct horse battery", **rights)
    return cast.actor("owner", slug=slug, kind="personal", user=person, **more)


class TestOrganizations:
    """Making one and seeing only one's own."""

    @pytest.mark.requirement("S1-M1")
    @pytest.mark.requirement("N-M2")
    def test_come_with_a_project_of_three_environments(self) -> None:
        with scope.tenant_scope(cast.organization().id):
            assert Project.objects.get().slug == "default"
            kinds = Environment.objects.order_by("kind").values_list("kind", flat=True)
            assert list(kinds) == ["dev", "prod", "stage"]

    @pytest.mark.requirement("S1-M1")
    def test_are_made_over_http_with_the_key_of_their_owner(self) -> None:
        one = _staff()
        answer = one.call("POST", "orgs", {"name": "Second House"})
        assert answer.status_code == 201
        assert answer["Cache-Control"] == "no-store"
        new = cast.call("GET", "whoami", **{"X-Api-Key": answer.json()["key"]}).json()
        assert (new["tenant"], new["roles"]) == ("second-house", ["owner"])
        assert [row["slug"] for row in one.call("GET", "orgs").json()["results"]] == ["acme"]

    @pytest.mark.parametrize("role", ["owner", "admin", "security_admin", "agent", "auditor", "read_only"])
    def test_are_made_by_no_key_of_an_organization(self, role: str) -> None:
        answer = cast.actor(role).call("POST", "orgs", {"name": "Second"})
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")

    def test_are_made_by_no_member_that_is_not_staff(self) -> None:
        assert _staff(is_staff=False).call("POST", "orgs", {"name": "Second"}).status_code == 403
        assert (
            _staff("b@example.com", slug="bb", is_superuser=False)
            .call("POST", "orgs", {"name": "Second"})
            .status_code
            == 403
        )

    def test_are_made_by_no_token_of_staff_that_is_narrowed_to_something_else(self) -> None:
        narrow = _staff(scopes=["policy.read"])
        assert narrow.call("POST", "orgs", {"name": "Second"}).status_code == 403
        wide = _staff("b@example.com", slug="bb", scopes=["org.manage"])
        assert wide.call("POST", "orgs", {"name": "Second"}).status_code == 201

    @pytest.mark.parametrize("slug", ["A", "1a", "a b", "a_b", "x" * 64, ""])
    def test_need_a_plain_short_name(self, slug: str) -> None:
        with pytest.raises(services.OrganizationInvalid):
            services.create_organization(slug=slug, name="X")

    def test_share_no_short_name(self) -> None:
        assert _staff().call("POST", "orgs", {"name": "x", "slug": "acme"}).status_code == 409

    def test_are_not_seen_without_a_scope_or_from_another(self) -> None:
        one, two = cast.actor(), cast.actor(slug="other")
        assert Organization.objects.count() == 0
        assert two.call("GET", f"orgs/{one.organization.id}").status_code == 404
        assert one.call("GET", f"orgs/{one.organization.id}").json()["slug"] == "acme"

    def test_are_suspended_with_a_reason_in_the_ledger(self) -> None:
        one = cast.actor()
        with scope.tenant_scope(one.organization.id):
            assert not services.set_status(status=OrganizationStatus.SUSPENDED, reason="unpaid").is_active
        assert one.kinds()[-1] == "organization.suspended"


class TestProjects:
    """Create, list, archive."""

    @pytest.mark.requirement("N-D72")
    def test_are_created_listed_and_archived(self) -> None:
        one = cast.actor()
        place = f"orgs/{one.organization.id}/projects"
        made = one.call("POST", place, {"name": "Retail Loans", "envs": ["dev", "prod"]})
        assert made.status_code == 201
        assert made.json()["slug"] == "retail-loans"
        assert [row["kind"] for row in made.json()["environments"]] == ["dev", "prod"]
        assert one.call("DELETE", f"projects/{made.json()['id']}").status_code == 204
        assert [row["slug"] for row in one.call("GET", place).json()["results"]] == ["default"]
        assert one.call("GET", f"projects/{made.json()['id']}").json()["archived_at"] is not None
        assert one.kinds()[-2:] == ["project.created", "project.archived"]

    @pytest.mark.parametrize("body", [{}, {"name": "x" * 201}, {"name": "x y", "envs": ["moon"]}])
    def test_are_refused_with_the_wrong_field_named(self, body: dict[str, object]) -> None:
        one = cast.actor()
        answer = one.call("POST", f"orgs/{one.organization.id}/projects", body)
        assert answer.status_code == 422
        assert answer.json()["errors"]

    def test_of_another_organization_are_not_found(self) -> None:
        one, two = cast.actor(), cast.actor(slug="other")
        with scope.tenant_scope(one.organization.id):
            project = Project.objects.get()
        assert two.call("GET", f"projects/{project.id}").status_code == 404
        assert two.call("DELETE", f"projects/{project.id}").status_code == 404
        assert two.call("POST", f"orgs/{one.organization.id}/projects", {"name": "X y"}).status_code == 404
        assert one.call("GET", f"projects/{project.id}").json()["archived_at"] is None

    def test_are_managed_by_who_may(self) -> None:
        one = cast.actor("auditor")
        assert one.call("POST", f"orgs/{one.organization.id}/projects", {"name": "X"}).status_code == 403
        assert one.call("DELETE", f"projects/{uuid.uuid4()}").status_code == 403

    def test_are_made_once_under_one_idempotency_key(self) -> None:
        one = cast.actor()
        place = f"orgs/{one.organization.id}/projects"
        answers = [one.call("POST", place, {"name": "Loans"}, **{"Idempotency-Key": "k1"}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json()["id"] == answers[1].json()["id"]
