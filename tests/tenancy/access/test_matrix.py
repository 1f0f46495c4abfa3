"""The permission matrix, written out: each role against each permission, and nothing else."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from tenancy.access import registry, rules

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROLES = [
    "owner",
    "admin",
    "security_admin",
    "billing_admin",
    "project_admin",
    "agent",
    "reviewer",
    "auditor",
    "read_only",
]
# One column for each role, in the order above; x allows. The table is the requirement, not a copy of code.
MATRIX = """
tenant.admin        xx.......
org.manage          xx.......
project.manage      xx..x....
policy.read         xxx.xxxxx
policy.write        xxx.x....
hitl.approve        x.....x..
vault.seal          x.x......
vault.unseal        x.x......
sampling.admin      x.x......
canary.manage       x.x......
packs.enable        xx..x....
billing.read        xx.x...xx
billing.manage      x..x.....
analytics.read      xx..x..xx
keys.rotate         ..x......
keys.manage         xxx......
decision.create     xx...x...
decision.simulate   xx..xx...
decision.read       xx..x.xxx
decision.read_input xx.......
decision.export     xx.....x.
ledger.read         xxx....xx
ledger.export       xx.....x.
consent.read        xx...x.xx
consent.manage      xx...x...
audit.read          xxx....x.
rbac.read           xxx....xx
rbac.manage         xx.......
"""
ROWS = [tuple(line.split()) for line in MATRIX.strip().splitlines()]
CELLS = [(role, name, marks[i] == "x") for name, marks in ROWS for i, role in enumerate(ROLES)]


def _judge(action: str, role: str = "", *grants: rules.Grant, **more: object) -> bool:
    known: dict[str, object] = {"scopes": (), "place": rules.Place(), "now": NOW, **more}
    return rules.judge(action=action, role=role, grants=grants, **known)  # type: ignore[arg-type]


def _grant(**more: object) -> rules.Grant:
    values: dict[str, object] = {
        "role": "",
        "permission": "policy.write",
        "effect": "allow",
        "scope_kind": "organization",
        "scope_id": None,
        "expires_at": None,
    }
    return rules.Grant(**{**values, **more})  # type: ignore[arg-type]


class TestMatrix:
    """Roles against permissions."""

    @pytest.mark.requirement("N-M3")
    @pytest.mark.requirement("N-D73")
    @pytest.mark.parametrize(("role", "permission", "allowed"), CELLS)
    def test_holds_in_every_cell(self, role: str, permission: str, allowed: bool) -> None:
        assert _judge(permission, role) is allowed

    def test_names_every_role_and_permission_of_the_product(self) -> None:
        assert set(ROLES) == set(registry.ROLES)
        assert {name for name, _ in ROWS} == set(registry.PERMISSIONS)

    def test_gives_an_unknown_role_nothing(self) -> None:
        assert not any(_judge(action, "root") for action in registry.PERMISSIONS)

    def test_refuses_an_action_that_is_not_registered(self) -> None:
        assert not _judge("everything.do", "owner", _grant(permission="everything.do"))


class TestGrants:
    """What changes the matrix for somebody."""

    def test_allow_what_the_role_does_not(self) -> None:
        assert _judge("policy.write", "agent", _grant())

    def test_deny_beats_the_role_and_every_allow(self) -> None:
        assert not _judge(
            "policy.write", "owner", _grant(), _grant(effect="deny"), _grant(role="admin", permission="")
        )

    def test_expire_at_their_very_moment(self) -> None:
        assert not _judge("policy.write", "agent", _grant(expires_at=NOW))

    def test_hold_in_their_project_only(self) -> None:
        one, two = uuid.UUID(int=1), uuid.UUID(int=2)
        grant = _grant(scope_kind="project", scope_id=one)
        assert _judge("policy.write", "agent", grant, place=rules.Place(project_id=one))
        assert not _judge("policy.write", "agent", grant, place=rules.Place(project_id=two))
        assert not _judge("policy.write", "agent", grant)

    def test_hold_in_their_environment_only(self) -> None:
        one = uuid.UUID(int=1)
        grant = _grant(scope_kind="environment", scope_id=one)
        assert _judge("policy.write", "agent", grant, place=rules.Place(environment_id=one))
        assert not _judge("policy.write", "agent", grant, place=rules.Place(project_id=one))

    def test_do_not_widen_a_key_past_its_scopes(self) -> None:
        assert not _judge("policy.write", "owner", _grant(), scopes=("policy.read",))
