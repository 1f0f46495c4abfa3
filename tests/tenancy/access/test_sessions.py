"""A signed-in person: whose organization they work in, and what their browser may be made to do."""

from __future__ import annotations

import pytest
from django.test import Client

from decisionos.kernel.tenants import scope
from tenancy.access import services as access
from tenancy.access import sessions
from tenancy.identity import services as identity
from tenancy.identity.models import Membership, User
from tenancy.organizations import services as organizations
from tenancy.organizations.enums import OrganizationStatus
from tenancy.organizations.models import Organization
from tests.tenancy import cast

pytestmark = pytest.mark.django_db
WHO = "/api/v1/whoami"


def _person(*places: Organization, role: str = "admin", superuser: bool = False) -> User:
    person = identity.create_user(
        email="ann@example.com", password="correct horse battery", is_staff=superuser, is_superuser=superuser
    )
    for place in places:
        with scope.tenant_scope(place.id):
            identity.add_member(user=person)
            access.grant(subject_kind="user", subject_id=person.id, role=role)
    return person


def _signed_in(person: User) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


class TestOrganization:
    """The organization of a session."""

    def test_is_the_first_membership_until_another_is_chosen(self) -> None:
        one, two = cast.organization(), cast.organization("other")
        client = _signed_in(_person(one, two))
        assert client.get(WHO).json()["tenant"] == "acme"
        session = client.session
        session[sessions.KEY] = str(two.id)
        session.save()
        assert client.get(WHO).json()["tenant"] == "other"

    def test_is_never_one_without_a_membership(self) -> None:
        one, two = cast.organization(), cast.organization("other")
        client = _signed_in(_person(one))
        session = client.session
        session[sessions.KEY] = str(two.id)
        session.save()
        assert client.get(WHO).json()["tenant"] == "acme"
        assert client.get(WHO, headers={"X-Tenant-ID": "other"}).status_code == 403

    def test_closes_when_the_membership_ends(self) -> None:
        one = cast.organization()
        client = _signed_in(_person(one))
        assert client.get(WHO).status_code == 200
        with scope.tenant_scope(one.id):
            Membership.objects.all().delete()
        assert client.get(WHO).status_code == 401

    def test_closes_while_suspended(self) -> None:
        one = cast.organization()
        client = _signed_in(_person(one))
        with scope.tenant_scope(one.id):
            organizations.set_status(status=OrganizationStatus.SUSPENDED, reason="unpaid")
        assert client.get(WHO).status_code == 403

    def test_is_none_for_a_stranger(self) -> None:
        assert _signed_in(_person()).get(WHO).status_code == 401
        assert Client().get(WHO).status_code == 401

    def test_is_the_one_that_the_admin_shows(self) -> None:
        one, two = cast.actor(), cast.actor(slug="other")
        client = _signed_in(_person(one.organization, superuser=True))
        page = client.get("/admin/tenancy_identity/apikey/").content.decode()
        assert one.key.prefix in page
        assert two.key.prefix not in page
        assert one.raw not in page


class TestRevoking:
    """The admin's one act on keys."""

    def _post(self, client: Client, one: cast.Actor, **more: str) -> int:
        client.cookies["csrftoken"] = "a" * 32
        body = {"action": "revoke", "_selected_action": str(one.key.id), "csrfmiddlewaretoken": "a" * 32}
        given = {"confirmed": "1", "reason": "It was found in a public repository.", "form_token": "t" * 20}
        return client.post("/admin/tenancy_identity/apikey/", {**body, **given, **more}).status_code

    def _owner(self, one: cast.Actor) -> Client:
        return _signed_in(_person(one.organization, superuser=True))

    def test_ends_the_key_and_is_recorded(self) -> None:
        one = cast.actor()
        assert self._post(self._owner(one), one) == 302
        assert one.call("GET", "whoami").status_code == 401
        assert one.kinds()[-2:] == ["access.key_revoked", "admin.action_taken"]

    def test_wants_a_reason(self) -> None:
        one = cast.actor()
        assert self._post(self._owner(one), one, reason="why") == 422
        assert one.call("GET", "whoami").status_code == 200

    def test_wants_the_permission(self) -> None:
        one = cast.actor()
        self._post(_signed_in(_person(one.organization, role="auditor", superuser=True)), one)
        assert one.call("GET", "whoami").status_code == 200

    def test_does_not_reach_another_organization(self) -> None:
        one, two = cast.actor(), cast.actor(slug="other")
        self._post(self._owner(one), two)
        assert two.call("GET", "whoami").status_code == 200


class TestForgery:
    """Writes with a session."""

    def test_are_refused_without_the_sessions_token(self) -> None:
        client = _signed_in(_person(cast.organization()))
        answer = client.post("/api/v1/keys", {"name": "k", "role": "agent"}, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_refused")

    def test_are_taken_with_it(self) -> None:
        client = _signed_in(_person(cast.organization()))
        client.cookies["csrftoken"] = "a" * 32
        answer = client.post(
            "/api/v1/keys",
            {"name": "k", "role": "agent"},
            content_type="application/json",
            headers={"X-CSRFToken": "a" * 32},
        )
        assert answer.status_code == 201

    def test_does_not_concern_keys(self) -> None:
        one = cast.actor()
        answer = Client(enforce_csrf_checks=True).post(
            "/api/v1/keys",
            {"name": "k", "role": "agent"},
            content_type="application/json",
            headers={"X-Api-Key": one.raw},
        )
        assert answer.status_code == 201
