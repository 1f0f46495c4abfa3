"""Access over HTTP: credentials, organizations named, addresses, delegation, traces of refusals."""

from __future__ import annotations

import ipaddress
import uuid
from datetime import timedelta
from typing import Any

import pytest
import yaml

from decisionos.kernel import clock
from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.tenants import scope
from tenancy.access import services as access
from tenancy.identity import keys
from tenancy.identity import services as identity
from tenancy.identity.models import ApiKey
from tenancy.organizations import configuration
from tenancy.organizations import services as organizations
from tenancy.organizations.enums import OrganizationStatus
from tests.tenancy import cast

pytestmark = pytest.mark.django_db


class TestCredentials:
    """Who gets in."""

    @pytest.mark.parametrize("header", ["X-Api-Key", "Authorization"])
    def test_are_taken_from_either_header(self, header: str) -> None:
        one = cast.actor("admin")
        value = one.raw if header == "X-Api-Key" else f"Bearer {one.raw}"
        answer = cast.call("GET", "whoami", **{header: value})
        assert answer.status_code == 200
        assert answer.json()["roles"] == ["admin"]
        assert answer.json()["tenant"] == "acme"

    @pytest.mark.parametrize("raw", ["", "x", "dos_abcdefgh_" + "A" * 43, "dos_abcdefgh_", "a.b.c", "Ω"])
    def test_that_are_wrong_are_refused(self, raw: str) -> None:
        answer = cast.call("GET", "whoami", Authorization=f"Bearer {raw}")
        assert answer.status_code == 401
        assert answer["Content-Type"] == "application/problem+json"

    def test_with_the_right_prefix_and_a_wrong_secret_are_refused(self) -> None:
        one = cast.actor()
        assert cast.call("GET", "whoami", **{"X-Api-Key": one.raw[:-1] + "~"}).status_code == 401
        assert cast.call("GET", "whoami", **{"X-Api-Key": one.raw[:13] + "A" * 43}).status_code == 401

    def test_never_take_a_role_from_a_header(self) -> None:
        answer = cast.actor("read_only").call("GET", "whoami", **{"X-Role": "owner", "X-Roles": "owner"})
        assert answer.json()["roles"] == ["read_only"]

    def test_of_a_revoked_key_are_refused(self) -> None:
        one = cast.actor()
        two = cast.actor("agent", of=one.organization)
        assert two.call("GET", "whoami").status_code == 200
        assert one.call("DELETE", f"keys/{two.key.id}").status_code == 204
        assert two.call("GET", "whoami").status_code == 401
        assert one.call("GET", "whoami").status_code == 200

    def test_of_an_expired_key_are_refused(self) -> None:
        one = cast.actor()
        with scope.tenant_scope(one.organization.id):
            ApiKey.objects.update(expires_at=clock.now() - timedelta(seconds=1))
        keys.forget()
        assert one.call("GET", "whoami").status_code == 401


@pytest.mark.requirement("D-D19")
class TestNamedOrganization:
    """X-Tenant-ID and the path."""

    def test_may_be_the_keys_own_by_name_or_id(self) -> None:
        one = cast.actor()
        for named in ("acme", str(one.organization.id)):
            assert one.call("GET", "whoami", **{"X-Tenant-ID": named}).status_code == 200

    def test_may_not_be_another(self) -> None:
        one = cast.actor()
        cast.organization("other")
        for named in ("other", "nobody", str(uuid.UUID(int=5))):
            answer = one.call("GET", "whoami", **{"X-Tenant-ID": named})
            assert (answer.status_code, answer.json()["code"]) == (403, "tenant_mismatch")

    def test_may_not_differ_between_header_and_path(self) -> None:
        one = cast.actor()
        assert one.call("GET", "t/other/config", **{"X-Tenant-ID": "acme"}).status_code == 400
        assert one.call("GET", "t/other/config").status_code == 403

    def test_is_refused_while_suspended(self) -> None:
        one = cast.actor()
        with scope.tenant_scope(one.organization.id):
            organizations.set_status(status=OrganizationStatus.SUSPENDED, reason="unpaid")
        keys.forget()
        answer = one.call("GET", "whoami")
        assert (answer.status_code, answer.json()["code"]) == (403, "tenant_suspended")


class TestAddresses:
    """The list of allowed addresses."""

    @staticmethod
    def _allow(one: cast.Actor, *listed: str) -> None:
        content = {"tenant_id": "acme", "name": "Acme", "ip_allowlist": list(listed)}
        with scope.tenant_scope(one.organization.id):
            configuration.reload(source=yaml.safe_dump(content))

    @pytest.mark.requirement("D-D20")
    def test_off_the_list_are_refused_and_noted(self) -> None:
        one = cast.actor()
        self._allow(one, "10.0.0.0/8", "2001:db8::/32")
        answer = one.call("GET", "whoami")
        assert (answer.status_code, answer.json()["code"]) == (403, "address_refused")
        with scope.tenant_scope(one.organization.id):
            entry = Entry.objects.get(kind="access.denied")
        assert entry.payload["code"] == "address_refused"
        assert entry.payload["address"] == "127.0.0.1"
        assert entry.actor == f"key:{one.key.id}"

    @pytest.mark.requirement("D-D20")
    def test_on_the_list_are_let_in(self) -> None:
        one = cast.actor()
        self._allow(one, "127.0.0.0/8")
        assert one.call("GET", "whoami").status_code == 200

    def test_claimed_by_a_header_do_not_count(self) -> None:
        one = cast.actor()
        self._allow(one, "10.0.0.0/8")
        assert one.call("GET", "whoami", **{"X-Forwarded-For": "10.0.0.1"}).status_code == 403

    def test_are_those_that_a_proxy_of_ours_names(self, settings: Any) -> None:
        settings.DOS_TRUSTED_PROXIES = [ipaddress.ip_network("127.0.0.1/32")]
        one = cast.actor()
        self._allow(one, "10.0.0.0/8")
        for forwarded, status in [
            ("10.0.0.1", 200),
            ("203.0.113.9", 403),
            ("10.0.0.1, 203.0.113.9", 403),
            ("203.0.113.9, 10.0.0.1", 200),
            ("10.0.0.1, ???", 403),
        ]:
            assert one.call("GET", "whoami", **{"X-Forwarded-For": forwarded}).status_code == status
        with scope.tenant_scope(one.organization.id):
            noted = Entry.objects.filter(kind="access.denied").order_by("id").first()
        assert noted is not None
        assert noted.payload["address"] == "203.0.113.9"


class TestRefusals:
    """What a refusal says and leaves."""

    def test_name_the_permission_and_leave_an_entry(self) -> None:
        one = cast.actor("read_only")
        answer = one.call("POST", "keys", {"name": "k", "role": "agent"})
        assert (answer.status_code, answer.json()["permission"]) == (403, "keys.manage")
        assert one.kinds()[-1] == "access.denied"

    def test_of_a_bad_key_leave_nothing_in_any_ledger(self) -> None:
        one = cast.actor()
        before = one.kinds()
        assert cast.call("GET", "whoami", **{"X-Api-Key": "dos_abcdefgh_" + "A" * 43}).status_code == 401
        assert one.kinds() == before


class TestDelegation:
    """Nobody hands out more than they hold."""

    @pytest.mark.parametrize(
        ("giver", "given", "status"),
        [
            ("owner", "owner", 201),
            ("owner", "security_admin", 201),
            ("admin", "agent", 201),
            ("admin", "auditor", 201),
            ("admin", "owner", 403),
            ("admin", "security_admin", 403),
            ("security_admin", "owner", 403),
            ("security_admin", "admin", 403),
            ("agent", "agent", 403),
        ],
    )
    def test_bounds_the_role_of_a_new_key(self, giver: str, given: str, status: int) -> None:
        one = cast.actor(giver)
        assert one.call("POST", "keys", {"name": "k", "role": given}).status_code == status

    def test_bounds_a_key_that_is_narrowed_itself(self) -> None:
        one = cast.actor("owner", scopes=["keys.manage", "policy.read"])
        assert one.call("POST", "keys", {"name": "k", "role": "owner"}).status_code == 403
        narrow = {"name": "k", "role": "owner", "scopes": ["policy.read"]}
        assert one.call("POST", "keys", narrow).status_code == 201

    def test_bounds_grants(self) -> None:
        one = cast.actor("admin")
        body = {"subject_kind": "key", "subject_id": str(one.key.id), "permission": "vault.unseal"}
        answer = one.call("POST", "rbac/grant", body)
        assert (answer.status_code, answer.json()["permissions"]) == (403, ["vault.unseal"])

    def test_bounds_personal_tokens(self) -> None:
        one = cast.actor("admin")
        made = one.call("POST", "pat/create", {"name": "t", "scopes": ["policy.read"]})
        assert made.status_code == 201
        token = made.json()["key"]
        assert cast.call("GET", "config", Authorization=f"Bearer {token}").status_code == 403
        assert one.call("POST", "pat/create", {"name": "t", "scopes": ["vault.unseal"]}).status_code == 403
        assert one.call("POST", "pat/create", {"name": "t", "scopes": ["no.such"]}).status_code == 422
        assert one.call("POST", "pat/revoke", {"id": made.json()["id"]}).status_code == 200
        assert cast.call("GET", "whoami", Authorization=f"Bearer {token}").status_code == 401


class TestGrants:
    """Granting and revoking over HTTP."""

    @pytest.mark.requirement("N-M3")
    def test_open_and_close_a_door_and_are_in_the_ledger(self) -> None:
        one = cast.actor()
        agent = cast.actor("agent", of=one.organization)
        assert agent.call("GET", "rbac/roles").status_code == 403
        body = {"subject_kind": "key", "subject_id": str(agent.key.id), "permission": "rbac.read"}
        made = one.call("POST", "rbac/grant", body)
        assert made.status_code == 201
        assert agent.call("GET", "rbac/roles").status_code == 200
        assert one.call("POST", "rbac/revoke", {"id": made.json()["id"]}).status_code == 200
        assert agent.call("GET", "rbac/roles").status_code == 403
        assert [kind for kind in one.kinds() if kind in {"access.granted", "access.revoked"}] == [
            "access.granted",
            "access.revoked",
        ]

    def test_that_deny_close_an_owners_door(self) -> None:
        one = cast.actor()
        with scope.tenant_scope(one.organization.id):
            access.grant(subject_kind="key", subject_id=one.key.id, permission="tenant.admin", effect="deny")
        assert one.call("GET", "config/versions").status_code == 403
        assert one.call("POST", "orgs", {"name": "second"}).status_code == 403

    def test_cannot_be_lifted_by_the_one_they_deny(self) -> None:
        one = cast.actor()
        with scope.tenant_scope(one.organization.id):
            denied = access.grant(
                subject_kind="key", subject_id=one.key.id, permission="vault.unseal", effect="deny"
            )
        assert one.call("POST", "rbac/revoke", {"id": str(denied.id)}).status_code == 403

    def test_of_another_organization_are_not_found(self) -> None:
        one, two = cast.actor(), cast.actor(slug="other")
        with scope.tenant_scope(one.organization.id):
            made = access.grant(subject_kind="key", subject_id=one.key.id, role="agent")
        assert two.call("POST", "rbac/revoke", {"id": str(made.id)}).status_code == 404
        assert two.call("DELETE", f"keys/{one.key.id}").status_code == 404
        assert two.call("GET", "rbac/grants").json()["results"] == []
        assert one.call("GET", "whoami").status_code == 200

    def test_list_roles_permissions_and_grants(self) -> None:
        one = cast.actor()
        assert len(one.call("GET", "rbac/roles").json()["results"]) == 9
        assert {"name": "decision.create", "description": "decide"} in one.call(
            "GET", "rbac/permissions"
        ).json()["results"]


class TestPeople:
    """A personal token carries its person's grants and ends with them."""

    def test_give_their_token_what_they_were_granted(self) -> None:
        organization = cast.organization()
        person = identity.create_user(email="Ann@Example.com", password="correct horse battery")
        with scope.tenant_scope(organization.id):
            identity.add_member(user=person)
            access.grant(subject_kind="user", subject_id=person.id, role="auditor")
        token = cast.actor("", of=organization, kind="personal", user=person)
        assert token.call("GET", "rbac/roles").status_code == 200
        assert token.call("GET", "keys").status_code == 403
        person.is_active = False
        person.save(update_fields=["is_active"])
        keys.forget()
        assert token.call("GET", "rbac/roles").status_code == 401
