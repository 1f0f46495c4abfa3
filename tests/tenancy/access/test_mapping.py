"""A customer's own names for roles: what they mean, what a configuration may not say, who may say it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from decisionos.kernel.tenants import scope
from tenancy.access import mapping, registry
from tenancy.access import services as access
from tenancy.organizations import configuration
from tests.tenancy import cast

CONTENT: dict[str, Any] = {"tenant_id": "acme", "name": "Acme"}
NAMES = st.sampled_from([*sorted(set(registry.ROLES) - {"owner"}), "underwriter", "team.lead"])
ITEMS = st.lists(st.sampled_from([*registry.PERMISSIONS, *registry.ROLES, "no.such"]), max_size=6)


def _applied(one: cast.Actor, rbac_map: dict[str, list[str]]) -> None:
    with scope.tenant_scope(one.organization.id):
        configuration.reload(source=yaml.safe_dump({**CONTENT, "rbac_map": rbac_map}))
    cast.forget()


class TestMap:
    """The arithmetic."""

    @given(rbac_map=st.dictionaries(NAMES, ITEMS, max_size=5))
    @settings(deadline=None, max_examples=150)
    def test_never_widens_a_role_of_ours(self, rbac_map: dict[str, list[str]]) -> None:
        roles = mapping.merged(tuple(sorted((name, tuple(items)) for name, items in rbac_map.items())))
        assert roles["owner"] == registry.ROLES["owner"]
        for name, held in registry.ROLES.items():
            assert roles[name] <= held

    @pytest.mark.parametrize(
        ("rbac_map", "pointer"),
        [
            ({"owner": []}, "/rbac_map/owner"),
            ({"Under Writer": ["agent"]}, "/rbac_map/Under Writer"),
            ({"x" * 31: ["agent"]}, "/rbac_map/" + "x" * 31),
            ({"underwriter": ["agent", "no.such"]}, "/rbac_map/underwriter/1"),
            ({"agent": ["tenant.admin"]}, "/rbac_map/agent/0"),
            ({"agent": ["reviewer"]}, "/rbac_map/agent/0"),
        ],
    )
    def test_is_refused_with_the_place_named(self, rbac_map: dict[str, list[str]], pointer: str) -> None:
        found = mapping.find_problems({**CONTENT, "rbac_map": rbac_map})
        assert pointer in {problem["pointer"] for problem in found}

    def test_may_name_roles_and_permissions_together(self) -> None:
        content = {**CONTENT, "rbac_map": {"underwriter": ["agent", "decision.read"]}}
        assert mapping.find_problems(content) == []
        assert mapping.own_permissions(content) == registry.ROLES["agent"] | {"decision.read"}


@pytest.mark.django_db
class TestEffect:
    """What it does to those who hold the names."""

    @pytest.mark.requirement("D-M1")
    @pytest.mark.requirement("N-M3")
    def test_gives_a_key_of_the_customers_own_role_what_it_stands_for(self) -> None:
        one = cast.actor()
        _applied(one, {"underwriter": ["agent", "rbac.read"]})
        two = cast.actor("underwriter", of=one.organization)
        assert two.call("GET", "rbac/roles").status_code == 200
        assert two.call("GET", "keys").status_code == 403
        assert two.call("GET", "whoami").json()["permissions"] == sorted(
            registry.ROLES["agent"] | {"rbac.read"}
        )

    def test_takes_it_away_with_the_name(self) -> None:
        one = cast.actor()
        _applied(one, {"underwriter": ["rbac.read"]})
        two = cast.actor("underwriter", of=one.organization)
        assert two.call("GET", "rbac/roles").status_code == 200
        _applied(one, {"reader": ["rbac.read"]})
        assert two.call("GET", "rbac/roles").status_code == 403

    def test_narrows_a_role_of_ours(self) -> None:
        one = cast.actor()
        two = cast.actor("agent", of=one.organization)
        assert two.call("GET", "consent").status_code == 200
        _applied(one, {"agent": ["decision.create"]})
        assert two.call("GET", "consent").status_code == 403

    def test_counts_for_grants_and_can_be_granted(self) -> None:
        one = cast.actor()
        two = cast.actor("agent", of=one.organization)
        body = {"subject_kind": "key", "subject_id": str(two.key.id), "role": "reader"}
        assert one.call("POST", "rbac/grant", body).status_code == 422
        _applied(one, {"reader": ["rbac.read"]})
        assert one.call("POST", "rbac/grant", body).status_code == 201
        assert two.call("GET", "rbac/roles").status_code == 200
        listed = {row["name"]: row["permissions"] for row in one.call("GET", "rbac/roles").json()["results"]}
        assert listed["reader"] == ["rbac.read"]

    def test_can_be_the_role_of_a_new_key(self) -> None:
        one = cast.actor()
        assert one.call("POST", "keys", {"name": "k", "role": "reader"}).status_code == 422
        _applied(one, {"reader": ["rbac.read"]})
        assert one.call("POST", "keys", {"name": "k", "role": "reader"}).status_code == 201

    def test_means_nothing_in_another_organization(self) -> None:
        one, two = cast.actor(), cast.actor(slug="other")
        _applied(one, {"reader": ["rbac.read"]})
        reader = cast.actor("reader", of=two.organization)
        assert reader.call("GET", "rbac/roles").status_code == 403


@pytest.mark.django_db
class TestEscalation:
    """Nobody hands out by a configuration what they do not hold."""

    def test_is_refused_to_an_administrator_without_the_permission(self) -> None:
        one = cast.actor("admin")
        body = {**CONTENT, "rbac_map": {"helper": ["vault.unseal"]}}
        for place in ("config/validate", "config/reload"):
            answer = one.call("POST", place, body)
            assert (answer.status_code, answer.json()["permissions"]) == (403, ["vault.unseal"])
        assert one.call("GET", "config").status_code == 404

    def test_is_refused_on_the_way_back_too(self) -> None:
        owner = cast.actor()
        _applied(owner, {"helper": ["vault.unseal"]})
        _applied(owner, {})
        one = cast.actor("admin", of=owner.organization)
        assert one.call("POST", "config/rollback", {"number": 1}).status_code == 403
        assert owner.call("POST", "config/rollback", {"number": 1}).status_code == 200

    def test_is_what_an_owner_may_do(self) -> None:
        one = cast.actor()
        body = {**CONTENT, "rbac_map": {"helper": ["vault.unseal"]}}
        assert one.call("POST", "config/reload", body).status_code == 200

    def test_never_reaches_a_role_that_is_unknown(self) -> None:
        one = cast.actor()
        with scope.tenant_scope(one.organization.id), pytest.raises(access.GrantInvalid):
            access.grant(subject_kind="key", subject_id=one.key.id, role="helper")
