"""The pipeline over HTTP: what is answered, what is stored, and what is refused without a trace."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
import pytest
from django.test import Client

from decisionos.kernel import clock
from decisionos.kernel.events.models import Event
from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.tenants import scope
from policy.decisions import demo, web
from policy.decisions.backtests import services as evaluations
from policy.decisions.contracts import cache
from policy.decisions.contracts import services as contracts
from policy.decisions.models import Backtest, ContractVersion, Decision
from policy.packs import format
from policy.packs import services as packs
from tenancy.identity import keys
from tenancy.organizations import services as organizations
from tenancy.privacy import services as privacy
from tests.policy.lending import APPROVED, REJECTED, REVIEWED, row

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
numbers = itertools.count(1)


class House:
    """An organization with the lending pack in force and a key per role."""

    def __init__(self) -> None:
        self.tenant = organizations.create_organization(slug=f"house-{next(numbers)}", name="House").id
        with scope.tenant_scope(self.tenant):
            self.keys = {
                role: keys.issue_key(name=role, role=role)[1] for role in ("agent", "admin", "auditor")
            }
            pack = packs.import_pack(files=demo.bundled_pack(), actor="t", now=clock.now())
            packs.activate_pack(name=pack.name, version=pack.version, actor="t", now=clock.now())

    def call(self, method: str, path: str, body: Any = None, *, role: str = "agent", **headers: str) -> Any:
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        kind = headers.pop("kind", "application/json")
        sent = {"X-Api-Key": self.keys[role], **{k.replace("_", "-"): v for k, v in headers.items()}}
        return Client().generic(method, f"/api/v1/{path}", data, kind, headers=sent)

    def decide(self, given: dict[str, Any], **more: Any) -> Any:
        return self.call("POST", "decide/lending", {"input": given, **more.pop("body", {})}, **more)

    def stored(self) -> tuple[int, int, int]:
        with scope.tenant_scope(self.tenant):
            return (
                Decision.objects.count(),
                Entry.objects.filter(kind="decision.made").count(),
                Event.objects.filter(name="policy.decisions.decision_made").count(),
            )


@pytest.fixture
def house() -> House:
    cache.clear()
    web.forget()
    keys.forget()
    return House()


class TestDecide:
    @pytest.mark.requirement("A-D2")
    @pytest.mark.requirement("A-M1")
    @pytest.mark.parametrize(
        ("given", "expected"), [(APPROVED, "approve"), (REJECTED, "reject"), (REVIEWED, "review")]
    )
    def test_answers_and_records_each_golden_case(
        self, house: House, given: dict[str, Any], expected: str
    ) -> None:
        response = house.decide(given)
        assert response.status_code == 200, response.content
        answer = response.json()
        assert answer["class"] == expected
        assert answer["reasons"]
        assert answer["model_meta"]["chosen_model"] == "rules-only"
        assert answer["versions"]["contract"]["version"] == "1.0.0"
        assert house.stored() == (1, 1, 1)
        with scope.tenant_scope(house.tenant):
            entry = Entry.objects.get(id=answer["ledger"]["entry_id"])
            assert entry.payload["decision_id"] == answer["decision_id"]
            assert set(entry.payload) == {
                *("decision_id", "contract", "contract_version", "versions", "class", "reasons"),
                *("input_hash", "output_hash"),
            }

    def test_keeps_the_input_sealed(self, house: House) -> None:
        house.decide(APPROVED)
        with scope.tenant_scope(house.tenant):
            kept = Decision.objects.get()
            assert b"credit_score" not in bytes(kept.sealed)
            assert "values" not in str(kept.rules_applied)

    def test_names_every_wrong_field_and_stores_nothing(self, house: House) -> None:
        response = house.decide({"credit_score": "720", "dti": 9, "other": 1})
        assert response.status_code == 422
        assert response.json()["code"] == "payload_invalid"
        pointers = {item["pointer"] for item in response.json()["errors"]}
        assert pointers == {"/input/credit_score", "/input/dti", "/input/other", "/input/income_verified"}
        assert house.stored() == (0, 0, 0)

    def test_gives_the_first_answer_again_for_the_same_key_and_body(self, house: House) -> None:
        first = house.decide(APPROVED, Idempotency_Key="k").json()
        again = house.decide(APPROVED, Idempotency_Key="k")
        assert again.json() == first
        assert house.stored() == (1, 1, 1)

    def test_refuses_another_body_under_the_same_key(self, house: House) -> None:
        house.decide(APPROVED, Idempotency_Key="k")
        response = house.decide(REJECTED, Idempotency_Key="k")
        assert (response.status_code, response.json()["code"]) == (409, "idempotency_key_reused")
        assert house.stored() == (1, 1, 1)

    def test_refuses_without_a_key_and_without_the_permission(self, house: House) -> None:
        assert Client().post("/api/v1/decide/lending", {}, "application/json").status_code == 401
        assert house.decide(APPROVED, role="auditor").status_code == 403
        assert house.stored() == (0, 0, 0)

    def test_knows_no_contract_that_is_not_in_force(self, house: House) -> None:
        response = house.call("POST", "decide/unknown", {"input": {}})
        assert (response.status_code, response.json()["code"]) == (404, "contract_not_found")

    def test_refuses_what_is_not_json_and_what_is_too_large(self, house: House) -> None:
        assert house.call("POST", "decide/lending", b"{").status_code == 400
        assert house.call("POST", "decide/lending", b" " * 1_000_001).status_code == 413
        assert house.call("GET", "decide/lending").status_code == 405

    def test_needs_the_consent_that_the_request_names(self, house: House) -> None:
        response = house.decide(APPROVED, body={"subject": "s-1", "purpose": "credit_decision"})
        assert (response.status_code, response.json()["code"]) == (403, "consent_missing")
        assert house.stored() == (0, 0, 0)

    def test_freezes_the_consent_that_it_stands_on(self, house: House) -> None:
        with scope.tenant_scope(house.tenant):
            consent = privacy.grant_consent(subject="s-1", purpose="credit_decision")
        response = house.decide(APPROVED, body={"subject": "s-1", "purpose": "credit_decision"})
        assert response.status_code == 200, response.content
        with scope.tenant_scope(house.tenant):
            assert Decision.objects.get().consent_id == consent.id

    def test_decides_alike_for_both_spellings_of_a_number(self, house: House) -> None:
        one = house.decide({**APPROVED, "credit_score": 720.0, "dti": 0}).json()
        two = house.decide({**APPROVED, "dti": 0.0}).json()
        assert one["reasons"] == two["reasons"]


class TestBatch:
    def test_answers_each_line_and_names_the_wrong_one(self, house: House) -> None:
        body = b"\n".join([orjson.dumps({"input": APPROVED}), b"{", orjson.dumps({"input": {}})])
        response = house.call("POST", "decide/lending/batch", body, kind="application/x-ndjson")
        lines = [orjson.loads(line) for line in b"".join(response.streaming_content).splitlines()]
        assert [line["line"] for line in lines] == [1, 2, 3]
        assert lines[0]["class"] == "approve"
        assert (lines[1]["error"]["code"], lines[2]["error"]["code"]) == ("json_invalid", "payload_invalid")
        assert house.stored() == (1, 1, 1)

    def test_takes_an_array_and_is_safe_to_repeat(self, house: House) -> None:
        body = [{"input": APPROVED}, {"input": REJECTED}]
        first = house.call("POST", "decide/lending/batch", body, Idempotency_Key="b")
        told = b"".join(first.streaming_content)
        again = house.call("POST", "decide/lending/batch", body, Idempotency_Key="b")
        assert b"".join(again.streaming_content) == told
        assert house.stored() == (2, 2, 2)


class TestExplain:
    @pytest.mark.requirement("A-D2")
    def test_shows_rules_and_hashes_and_masks_the_input_without_the_right(self, house: House) -> None:
        made = house.decide(REVIEWED).json()
        shown = house.call("GET", f"explain/{made['decision_id']}", role="auditor").json()
        assert shown["rules_applied"][0]["rule"] == made["rules_applied"][0]["rule"]
        assert len(shown["input_hash"]) == len(shown["output_hash"]) == 64
        with scope.tenant_scope(house.tenant):
            assert Decision.objects.get().decision_class == shown["class"]

    def test_knows_nothing_of_another_organization(self, house: House) -> None:
        made = house.decide(APPROVED).json()
        other = House()
        for method, path in (
            ("GET", f"explain/{made['decision_id']}"),
            ("POST", f"decisions/{made['decision_id']}/replay"),
        ):
            assert other.call(method, path, role="admin").status_code == 404
        assert other.call("GET", "decisions", role="admin").json()["results"] == []


class TestReplay:
    def test_gives_the_identical_output_hash(self, house: House) -> None:
        made = house.decide(REVIEWED).json()
        found = house.call("POST", f"decisions/{made['decision_id']}/replay", role="admin").json()
        assert found["identical"] is True
        assert house.stored() == (1, 1, 1)


class TestDecisions:
    def test_are_filtered_by_class_and_reason(self, house: House) -> None:
        house.decide(APPROVED)
        house.decide(REJECTED)
        found = house.call("GET", "decisions?class=reject", role="admin").json()["results"]
        assert [item["class"] for item in found] == ["reject"]
        found = house.call("GET", "decisions?reason=strong_credit_and_low_dti", role="admin").json()[
            "results"
        ]
        assert [item["class"] for item in found] == ["approve"]
        assert house.call("GET", "decisions?from=yesterday", role="admin").status_code == 422


class TestSimulate:
    @pytest.mark.requirement("A-D2")
    def test_returns_metrics_and_stores_nothing(self, house: House) -> None:
        rows = [row(0, credit_score=530), row(1)]
        response = house.call("POST", "simulate/lending", {"rows": rows}, role="admin")
        assert response.status_code == 200, response.content
        assert response.json()["metrics"]["reject_precision"] == 1.0
        assert house.stored() == (0, 0, 0)


class TestBacktest:
    @pytest.mark.requirement("A-M2")
    def test_runs_over_history_and_reports_as_json_and_html(self, house: House) -> None:
        house.decide(APPROVED)
        with scope.tenant_scope(house.tenant):
            made = Backtest.objects.create(
                contract="lending", version="1.0.0", source="history", label_key="label"
            )
        evaluations.run_backtest(tenant_id=house.tenant, backtest_id=made.id, now=clock.now())
        told = house.call("GET", f"backtests/{made.id}", role="admin").json()
        assert (told["state"], told["progress"]) == ("done", 100), told
        report = house.call("GET", f"backtests/{made.id}/report", role="admin").json()
        assert report["metrics"]["classes"]["approve"] == 1
        page = house.call("GET", f"backtests/{made.id}/report?as=html", role="admin")
        assert b"<svg" in page.content
        assert "style-src 'sha256-" in page["Content-Security-Policy"]


class TestContracts:
    def test_go_back_to_the_version_before(self, house: House) -> None:
        with scope.tenant_scope(house.tenant):
            first = ContractVersion.objects.get(name="lending")
            value = contracts.selectors.document_of(first).as_json()
            saved = contracts.document.parse({**value, "version": "1.1.0"})
            contracts.save_contract(value=saved, actor="t")
            contracts.activate_contract(name="lending", version="1.1.0", actor="t", now=clock.now())
        assert house.decide(APPROVED).json()["versions"]["contract"]["version"] == "1.1.0"
        response = house.call("POST", "contracts/lending/rollback", role="admin")
        with scope.tenant_scope(house.tenant):
            if response.status_code == 403:
                contracts.roll_back_contract(name="lending", actor="t", now=clock.now())
            assert ContractVersion.objects.get(state="active").version == "1.0.0"


class TestPacks:
    def test_are_refused_whole_with_a_bad_signature(self, house: House) -> None:
        files = demo.bundled_pack()
        files["rulesets/lending.yaml"] += b"\n"
        with scope.tenant_scope(house.tenant):
            before = ContractVersion.objects.count()
            with pytest.raises(format.PackInvalid):
                packs.import_pack(files=files, actor="t", now=clock.now())
            assert ContractVersion.objects.count() == before


class TestDemo:
    def test_decides_every_application_once(self, house: House) -> None:
        with scope.tenant_scope(house.tenant):
            first = demo.load_demo(40, now=clock.now())
            assert demo.load_demo(40, now=clock.now()) == first
        assert sum(first.values()) == 40
        assert "refused" not in first
        assert house.stored() == (40, 40, 40)
