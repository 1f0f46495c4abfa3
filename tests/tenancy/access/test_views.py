"""Pages of keys, members and roles: what they show, what they do, to whom they are closed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client

from decisionos.kernel import clock
from decisionos.kernel.tenants import scope
from tenancy.access.models import Invitation, RoleGrant
from tenancy.identity import mailing
from tenancy.identity.models import ApiKey, Membership, User
from tests.tenancy import cast
from tests.tenancy.identity import people
from tests.tenancy.identity.people import browser, signed_in

pytestmark = pytest.mark.django_db
NEW = {"kind": "service", "name": "Scoring", "role": "agent", "days": "90"}


def _house(role: str = "owner") -> tuple[cast.Actor, User, Client]:
    one = cast.actor()
    user = people.person(one.organization, role=role)
    return one, user, signed_in()


class TestKeys:
    """API keys and personal tokens."""

    def test_are_made_shown_once_and_work(self) -> None:
        one, _, client = _house()
        page = client.post("/keys", NEW)
        found = re.search(r"dos_[a-z0-9]{8}_[A-Za-z0-9_-]{43}", page.content.decode())
        assert found
        assert page["Cache-Control"] == "no-store"
        assert found[0] not in client.get("/keys").content.decode()
        assert cast.call("GET", "whoami", **{"X-Api-Key": found[0]}).json()["roles"] == ["agent"]
        with scope.tenant_scope(one.organization.id):
            row = ApiKey.objects.get(name="Scoring")
        assert row.expires_at is not None
        assert row.expires_at - clock.now() > timedelta(days=89)
        assert one.kinds()[-1] == "access.key_issued"

    def test_are_revoked_with_effect(self) -> None:
        one, _, client = _house()
        assert client.post(f"/keys/{one.key.id}/revoke").status_code == 302
        assert one.call("GET", "whoami").status_code == 401

    def test_of_oneself_need_no_permission_but_scopes_that_one_holds(self) -> None:
        one, user, client = _house("auditor")
        token = {"kind": "personal", "name": "mine", "days": "30", "scopes": ["ledger.read"]}
        assert client.post("/keys", token).status_code == 200
        assert client.post("/keys", {**token, "scopes": []}).status_code == 422
        assert client.post("/keys", {**token, "scopes": ["tenant.admin"]}).status_code == 422
        assert client.post("/keys", NEW).status_code == 422
        with scope.tenant_scope(one.organization.id):
            own = ApiKey.objects.get(user=user)
        shown = client.get("/keys").content.decode()
        assert (own.prefix in shown, one.key.prefix in shown) == (True, False)
        assert client.post(f"/keys/{one.key.id}/revoke").status_code == 403
        assert client.post(f"/keys/{own.id}/revoke").status_code == 302

    def test_never_do_more_than_their_maker(self) -> None:
        _, _, client = _house("security_admin")
        assert client.post("/keys", {**NEW, "role": "owner"}).status_code == 422
        assert client.post("/keys", {**NEW, "role": "security_admin"}).status_code == 200

    def test_of_another_organization_are_neither_shown_nor_revoked(self) -> None:
        _, _, client = _house()
        two = cast.actor(slug="other")
        assert two.key.prefix not in client.get("/keys").content.decode()
        assert client.post(f"/keys/{two.key.id}/revoke").status_code == 404
        assert two.call("GET", "whoami").status_code == 200

    def test_show_a_hostile_name_as_text(self) -> None:
        _, _, client = _house()
        page = client.post("/keys", {**NEW, "name": "<script>alert(1)</script>"}).content.decode()
        assert "<script>alert(1)" not in page
        assert "&lt;script&gt;alert(1)" in page


class TestMembers:
    """Who belongs here."""

    def test_are_shown_with_their_roles(self) -> None:
        one, _, client = _house()
        people.person(one.organization, email="bob@example.com", role="auditor")
        page = client.get("/members").content.decode()
        assert "bob@example.com" in page
        assert re.search(r"<option selected>auditor</option>", page)

    def test_get_another_role(self) -> None:
        one, _, client = _house()
        bob = people.person(one.organization, email="bob@example.com", role="auditor")
        assert client.post(f"/members/{bob.id}/role", {"role": "reviewer"}).status_code == 302
        with scope.tenant_scope(one.organization.id):
            rows = RoleGrant.objects.filter(subject_id=bob.id, revoked_at__isnull=True)
            assert list(rows.values_list("role", flat=True)) == ["reviewer"]
        assert one.kinds()[-2:] == ["access.revoked", "access.granted"]
        assert client.post(f"/members/{bob.id}/role", {"role": "emperor"}).status_code == 422

    def test_are_not_raised_or_lowered_by_somebody_who_holds_less(self) -> None:
        one, _, client = _house("admin")
        boss = people.person(one.organization, email="bob@example.com", role="owner")
        assert client.post(f"/members/{boss.id}/role", {"role": "read_only"}).status_code == 403
        assert client.post(f"/members/{boss.id}/remove").status_code == 403

    def test_keep_an_owner(self) -> None:
        one, user, client = _house()
        assert client.post(f"/members/{user.id}/role", {"role": "admin"}).status_code == 409
        assert client.post(f"/members/{user.id}/remove").status_code == 409
        people.person(one.organization, email="bob@example.com")
        assert client.post(f"/members/{user.id}/role", {"role": "admin"}).status_code == 302

    def test_lose_everything_with_their_membership(self) -> None:
        one, _, client = _house()
        bob = people.person(one.organization, email="bob@example.com", role="auditor")
        theirs = signed_in("bob@example.com")
        token = cast.actor("", of=one.organization, kind="personal", user=bob)
        assert client.post(f"/members/{bob.id}/remove").status_code == 302
        assert theirs.get("/keys").status_code == 403
        assert token.call("GET", "rbac/roles").status_code == 401
        with scope.tenant_scope(one.organization.id):
            assert not Membership.objects.filter(user=bob).exists()
            assert not RoleGrant.objects.filter(subject_id=bob.id, revoked_at__isnull=True).exists()
        assert client.post(f"/members/{bob.id}/remove").status_code == 404

    def test_are_closed_to_those_without_the_permission(self) -> None:
        one, user, client = _house("agent")
        assert client.get("/members").status_code == 403
        assert client.post("/members", {"email": "x@example.com", "role": "agent"}).status_code == 403
        assert client.post(f"/members/{user.id}/role", {"role": "owner"}).status_code == 403
        assert "access.denied" in one.kinds()

    def test_of_another_organization_are_not_reached(self) -> None:
        _, _, client = _house()
        two = cast.organization("other")
        bob = people.person(two, email="bob@example.com")
        assert "bob@example.com" not in client.get("/members").content.decode()
        assert client.post(f"/members/{bob.id}/remove").status_code == 404

    def test_see_what_each_role_may(self) -> None:
        _, _, client = _house("auditor")
        page = client.get("/members/roles").content.decode()
        assert "decision.create" in page
        assert page.count('<th scope="row">') > 25


class TestInvitations:
    """Asking somebody to join."""

    def _invited(self, email: str = "bob@example.com") -> tuple[cast.Actor, Client, str]:
        one, _, client = _house()
        assert client.post("/members", {"email": email, "role": "auditor"}).status_code == 302
        mailing.flush()
        found = re.search(r"http://testserver(/invitation/\S+)", mail.outbox[-1].body)
        assert found
        return one, client, found[1]

    def test_lets_somebody_new_in_once(self) -> None:
        one, _, link = self._invited()
        guest = browser()
        assert guest.get(link).status_code == 200
        body = {"name": "Bob", "password": "a fresh long passphrase", "again": "a fresh long passphrase"}
        assert guest.post(link, {**body, "password": "short", "again": "short"}).status_code == 422
        assert guest.post(link, body).status_code == 302
        assert guest.get("/members").status_code == 200
        assert browser().get(link).status_code == 404
        assert one.kinds().count("access.invitation_accepted") == 1

    def test_is_for_the_account_of_its_address(self) -> None:
        one, _, link = self._invited()
        people.person(email="bob@example.com")
        stranger = browser()
        assert "Sign in with it to accept" in stranger.get(link).content.decode()
        assert stranger.post(link, {}).status_code == 200
        with scope.tenant_scope(one.organization.id):
            assert Membership.objects.count() == 1
        bob = signed_in("bob@example.com")
        assert bob.post(link).status_code == 302
        with scope.tenant_scope(one.organization.id):
            assert Membership.objects.count() == 2

    def test_can_be_withdrawn(self) -> None:
        one, client, link = self._invited()
        with scope.tenant_scope(one.organization.id):
            row = Invitation.objects.get()
        assert client.post(f"/invitations/{row.id}/withdraw").status_code == 302
        assert browser().get(link).status_code == 404
        assert client.post(f"/invitations/{row.id}/withdraw").status_code == 404

    def test_expires(self) -> None:
        one, _, link = self._invited()
        with scope.tenant_scope(one.organization.id):
            Invitation.objects.update(expires_at=clock.now())
        assert browser().get(link).status_code == 404

    @pytest.mark.parametrize("token", ["x", "a:b:c", "eyJ0IjoiMSJ9:1abcde:xxxxxxxx"])
    def test_takes_no_link_of_somebody_elses_making(self, token: str) -> None:
        assert browser().get(f"/invitation/{token}").status_code == 404

    def test_hands_out_no_more_than_one_holds(self) -> None:
        _, _, client = _house("admin")
        assert client.post("/members", {"email": "bob@example.com", "role": "owner"}).status_code == 403

    def test_refuses_a_member_and_a_bad_address(self) -> None:
        _, _, client = _house()
        for email in (people.EMAIL, "nonsense"):
            assert client.post("/members", {"email": email, "role": "agent"}).status_code == 422
