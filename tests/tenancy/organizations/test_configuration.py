"""tenant.yaml: what is accepted, what a refusal leaves, the way forward and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.tenants import scope
from tenancy.organizations import configuration
from tenancy.organizations.enums import ConfigState
from tenancy.organizations.models import TenantConfigVersion
from tests.tenancy import cast

GOOD: dict[str, Any] = {
    "tenant_id": "acme",
    "name": "Acme",
    "ip_allowlist": ["127.0.0.1/32", "10.0.0.0/8"],
    "rbac_map": {"agent": ["decision.create"]},
    "budgets": {"max_cost_usd": 0.02, "hard_timeout_ms": 1500, "retries": 1},
    "limits": {"max_qps": 5},
    "secrets_ref": "secrets/acme",
}


class TestProblems:
    """What is wrong, by pointer."""

    @pytest.mark.requirement("D-M1")
    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"tenant_id": "Acme!"}, "/tenant_id"),
            ({"tenant_id": "other"}, "/tenant_id"),
            ({"name": ""}, "/name"),
            ({"budgets": {"retries": -1}}, "/budgets/retries"),
            ({"budgets": {"max_cost_usd": "much"}}, "/budgets/max_cost_usd"),
            ({"ip_allowlist": ["10.0.0.0/8", "nowhere"]}, "/ip_allowlist/1"),
            ({"limits": {"max_qps": 0}}, "/limits/max_qps"),
            ({"status": "sleeping"}, "/status"),
            ({"rbac_map": {"agent": "all"}}, "/rbac_map/agent"),
        ],
    )
    def test_name_the_key(self, change: dict[str, Any], pointer: str) -> None:
        found = configuration.find_problems({**GOOD, **change}, slug="acme")
        assert pointer in {problem["pointer"] for problem in found}

    def test_are_none_for_the_sample(self) -> None:
        assert configuration.find_problems(GOOD, slug="acme") == []


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


class TestDifference:
    """Two contents side by side."""

    @given(value=_VALUES)
    @settings(deadline=None, max_examples=60)
    def test_is_empty_against_itself(self, value: Any) -> None:
        assert configuration.difference(value, value) == []

    def test_names_each_change_once(self) -> None:
        new = {**GOOD, "limits": {"max_qps": 6, "max_users": 3}}
        del new["secrets_ref"]
        found = {entry["pointer"]: entry["change"] for entry in configuration.difference(GOOD, new)}
        assert found == {
            "/limits/max_qps": "changed",
            "/limits/max_users": "added",
            "/secrets_ref": "removed",
        }


@pytest.mark.django_db
class TestApi:
    """The configuration over HTTP."""

    @pytest.mark.requirement("D-M1")
    @pytest.mark.requirement("D-D19")
    def test_applies_a_valid_one_and_keeps_it_against_a_bad_one(self) -> None:
        one = cast.actor()
        assert one.call("GET", "config").status_code == 404
        applied = one.call("POST", "config/reload", GOOD)
        assert (applied.status_code, applied.json()["number"]) == (200, 1)
        bad = one.call("POST", "config/reload", {**GOOD, "budgets": {"retries": -1}})
        assert (bad.status_code, bad.json()["code"]) == (422, "config_invalid")
        assert bad.json()["errors"][0]["pointer"] == "/budgets/retries"
        assert one.call("GET", "config").json()["content"] == GOOD
        assert one.kinds().count("organization.config_applied") == 1

    @pytest.mark.requirement("D-M1")
    @pytest.mark.parametrize(
        ("text", "pointer"),
        [
            ("tenant_id: acme\nname: A\nzzz: 1\n", "/zzz"),
            ("tenant_id: acme\nname: A\nbudgets: {a/b: 1}\n", "/budgets/a~1b"),
            ("tenant_id: acme\n", "/name"),
            ("tenant_id: acme\nname: A\nip_allowlist: 5\n", "/ip_allowlist"),
            ("tenant_id: acme\nname: A\nname: B\n", ""),
            ("tenant_id: acme\nname: &a A\nlabels: {x: *a}\n", ""),
            ("5: x\n", ""),
            ("- a\n", ""),
            ("{", ""),
            ("!!python/object:os.system {}", ""),
            ('tenant_id: acme\nname: "a\\0b"\n', "/name"),
            ("tenant_id: acme\nname: A\nlabels: {when: 1}\n", "/labels/when"),
        ],
    )
    def test_names_what_is_odd_in_a_text(self, text: str, pointer: str) -> None:
        one = cast.actor()
        answer = one.call("POST", "config/reload", {"source": text})
        assert (answer.status_code, answer.json()["code"]) == (422, "config_invalid")
        assert pointer in {problem["pointer"] for problem in answer.json()["errors"]}
        assert one.call("GET", "config").status_code == 404

    def test_reads_a_date_as_the_text_it_is(self) -> None:
        one = cast.actor()
        text = "tenant_id: acme\nname: 2024-01-01\n"
        assert one.call("POST", "config/reload", {"source": text}).json()["content"]["name"] == "2024-01-01"

    def test_notes_who_applied_it(self) -> None:
        one = cast.actor()
        one.call("POST", "config/reload", GOOD)
        with scope.tenant_scope(one.organization.id):
            entry = Entry.objects.get(kind="organization.config_applied")
        assert entry.actor == f"key:{one.key.id}"

    def test_makes_no_version_of_the_same_content(self) -> None:
        one = cast.actor()
        for _ in range(2):
            assert one.call("POST", "config/reload", GOOD).json()["number"] == 1

    def test_rehearses_without_changing_anything(self) -> None:
        one = cast.actor()
        one.call("POST", "config/reload", GOOD)
        answer = one.call("POST", "config/validate", {**GOOD, "name": "New"})
        assert answer.json()["changes"] == [
            {"pointer": "/name", "change": "changed", "old": "Acme", "new": "New"}
        ]
        assert one.call("GET", "config").json()["content"]["name"] == "Acme"

    @pytest.mark.requirement("D-M1")
    def test_rolls_back_and_compares(self) -> None:
        one = cast.actor()
        assert one.call("POST", "config/rollback", {}).status_code == 404
        one.call("POST", "config/reload", GOOD)
        one.call("POST", "config/reload", {**GOOD, "name": "New"})
        changed = one.call("GET", "config/diff?from=1&to=2").json()["changes"]
        assert [entry["pointer"] for entry in changed] == ["/name"]
        assert one.call("POST", "config/rollback", {}).json()["number"] == 1
        assert one.call("GET", "config").json()["content"]["name"] == "Acme"
        states = [row["state"] for row in one.call("GET", "config/versions").json()["results"]]
        assert states == ["superseded", "active"]
        assert one.call("GET", "config/diff?from=x").status_code == 422
        assert one.call("GET", "config/diff?from=9").status_code == 404

    def test_takes_yaml_text_and_the_tenants_own_path(self) -> None:
        one = cast.actor()
        answer = one.call("POST", "t/acme/config/reload", {"source": yaml.safe_dump(GOOD)})
        assert answer.status_code == 200

    def test_reloads_the_file_of_the_installation(self, tmp_path: Path, settings: Any) -> None:
        settings.DOS_DATA_DIR = tmp_path
        one = cast.actor()
        assert one.call("POST", "config/reload", {}).status_code == 404
        folder = tmp_path / "tenants" / "acme"
        folder.mkdir(parents=True)
        (folder / "tenant.yaml").write_text(yaml.safe_dump(GOOD))
        assert one.call("POST", "config/reload", {}).json()["content"] == GOOD

    def test_is_the_administrators_alone(self) -> None:
        one = cast.actor("agent")
        for method, place in [("GET", "config"), ("POST", "config/reload"), ("POST", "config/rollback")]:
            assert one.call(method, place, {} if method == "POST" else None).status_code == 403

    def test_of_one_organization_is_not_seen_by_another(self) -> None:
        one, two = cast.actor(), cast.actor(slug="other")
        one.call("POST", "config/reload", GOOD)
        assert two.call("GET", "config").status_code == 404
        assert two.call("GET", "config/versions").json()["results"] == []
        with scope.tenant_scope(one.organization.id):
            assert TenantConfigVersion.objects.get().state == ConfigState.ACTIVE
