"""Rules over HTTP: check, try, drafts that lose nothing, versions, activation and the way back."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.test import Client

from decisionos.kernel import clock
from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.tenants import scope
from policy.decisions import demo, web
from policy.decisions.contracts import cache
from policy.decisions.models import ContractVersion, Decision
from policy.packs import services as packs
from policy.rules.models import RulesetDraft, RulesetDraftText, RulesetVersion
from tenancy.identity import keys
from tenancy.organizations import services as organizations
from tests.policy.lending import APPROVED, REJECTED

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
LENDING = (Path(__file__).resolve().parents[3] / "packs/lending/rulesets/lending.yaml").read_text()
STRICTER = LENDING.replace("credit_score < 550", "credit_score < 730")
numbers = itertools.count(1)


class House:
    """An organization with the lending pack in force and a key per role."""

    def __init__(self) -> None:
        self.tenant = organizations.create_organization(slug=f"rules-{next(numbers)}", name="House").id
        with scope.tenant_scope(self.tenant):
            self.keys = {
                name: keys.issue_key(name=name, role=role)[1]
                for name, role in (
                    ("agent", "agent"),
                    ("admin", "admin"),
                    ("second", "admin"),
                    ("auditor", "auditor"),
                    ("project", "project_admin"),
                )
            }
            pack = packs.import_pack(files=demo.bundled_pack(), actor="t", now=clock.now())
            packs.activate_pack(name=pack.name, version=pack.version, actor="t", now=clock.now())

    def call(self, method: str, path: str, body: Any = None, *, role: str = "admin") -> Any:
        data = orjson.dumps(body) if body is not None else b""
        sent = {"X-Api-Key": self.keys[role]}
        return Client().generic(method, f"/api/v1/{path}", data, "application/json", headers=sent)

    def decide(self, given: dict[str, Any]) -> Any:
        cache.clear()
        answer = self.call("POST", "decide/lending", {"input": given}, role="agent")
        assert answer.status_code == 200, answer.content
        return answer.json()

    def save(self, source: str, **more: Any) -> Any:
        body = {"source": source, "contract": "lending", **more}
        return self.call("POST", "rulesets/lending/versions", body)

    def activate(self, version: str, **more: Any) -> Any:
        body = {"contract": "lending", "reason": "losses in this band", "confirm": "lending", **more}
        return self.call("POST", f"rulesets/lending/versions/{version}/activate", body)

    def draft(self, text: str, revision: int, *, role: str = "admin", base: str = "0.1.0") -> Any:
        body = {"contract": "lending", "text": text, "revision": revision, "base_version": base}
        return self.call("PUT", "rulesets/lending/draft", body, role=role)

    def kinds(self) -> list[str]:
        with scope.tenant_scope(self.tenant):
            return list(Entry.objects.order_by("id").values_list("kind", flat=True))


@pytest.fixture
def house() -> House:
    cache.clear()
    web.forget()
    keys.forget()
    return House()


class TestLint:
    @pytest.mark.requirement("A-D4")
    def test_gives_line_column_and_an_input_that_can_be_tried(self, house: House) -> None:
        bad = LENDING.replace("dti > 0.60", "dit > 0.60")
        found = house.call("POST", "rules/lint", {"source": bad, "contract": "lending"}).json()
        problem = found["problems"][0]
        assert (problem["code"], problem["rule"]) == ("condition.undeclared", "reject_high_dti") or (
            problem["code"].startswith("condition.")
        )
        line = bad.splitlines()[problem["line"] - 1]
        assert line[problem["column"] - 1 : problem["end_column"] - 1] == "dit"
        assert not found["is_valid"]
        shadowed = LENDING.replace("dti > 0.60", "credit_score < 500 && dti > 0.60")
        found = house.call("POST", "rules/lint", {"source": shadowed, "contract": "lending"}).json()
        problem = found["problems"][0]
        assert problem["code"] == "unreachable_rule"
        tried = {"contract": "lending", "source": shadowed, "input": problem["input"]}
        answer = house.call("POST", "rules/try", tried, role="agent").json()
        assert "reject_high_dti" not in [rule["rule"] for rule in answer["rules_applied"]]

    def test_takes_a_schema_instead_of_a_contract(self, house: House) -> None:
        body = {"source": LENDING, "schema": {"type": "object", "properties": {}}}
        found = house.call("POST", "rules/lint", body, role="auditor").json()
        assert {problem["code"].partition(".")[0] for problem in found["problems"]} == {"condition"}

    def test_refuses_what_it_cannot_keep_and_whom_it_does_not_know(self, house: House) -> None:
        assert house.call("POST", "rules/lint", {"source": "a\x00b"}).status_code == 422
        assert house.call("POST", "rules/lint", {"source": "a", "contract": "no"}).status_code == 404
        assert Client().post("/api/v1/rules/lint", {}, "application/json").status_code == 401


class TestTry:
    def test_decides_with_a_trace_and_records_nothing(self, house: House) -> None:
        body = {"contract": "lending", "source": STRICTER, "input": APPROVED}
        answer = house.call("POST", "rules/try", body, role="agent").json()
        assert answer["class"] == "reject"
        assert answer["trace"][0]["rule"] == "reject_low_credit"
        assert answer["trace"][0]["values"] == {"credit_score": 720}
        assert answer["trace"][0]["margin"] == -10
        assert answer["nearest_flip"] is not None
        with scope.tenant_scope(house.tenant):
            assert Decision.objects.count() == 0
        assert "decision.made" not in house.kinds()

    def test_takes_what_is_in_force_without_a_text(self, house: House) -> None:
        answer = house.call("POST", "rules/try", {"contract": "lending", "input": APPROVED}).json()
        assert answer["class"] == "approve"
        body = {"contract": "lending", "ruleset": "lending", "version": "0.1.0", "input": APPROVED}
        assert house.call("POST", "rules/try", body).json()["class"] == "approve"

    def test_names_each_wrong_field(self, house: House) -> None:
        response = house.call("POST", "rules/try", {"contract": "lending", "input": {"dti": "x"}})
        assert response.status_code == 422
        assert "/input/dti" in {item["pointer"] for item in response.json()["errors"]}

    def test_takes_a_recorded_decision_of_those_who_may_read_its_input(self, house: House) -> None:
        made = house.decide(APPROVED)
        body = {"contract": "lending", "source": STRICTER, "decision_id": made["decision_id"]}
        answer = house.call("POST", "rules/try", body).json()
        assert (answer["recorded"]["class"], answer["class"]) == ("approve", "reject")
        assert house.call("POST", "rules/try", body, role="project").status_code == 403
        assert House().call("POST", "rules/try", body).status_code == 404

    def test_recent_shows_inputs_only_with_the_right(self, house: House) -> None:
        house.decide(APPROVED)
        shown = house.call("GET", "rules/recent?contract=lending").json()["results"]
        assert shown[0]["input"]["credit_score"] == 720
        hidden = house.call("GET", "rules/recent?contract=lending", role="project").json()["results"]
        assert "input" not in hidden[0]


class TestCoverage:
    def test_counts_the_newest_decisions(self, house: House) -> None:
        for given in (APPROVED, REJECTED, REJECTED):
            house.decide(given)
        body = {"contract": "lending", "source": STRICTER}
        found = house.call("POST", "rules/coverage", body, role="agent").json()
        by_name = {rule["rule"]: rule for rule in found["rules"]}
        assert (found["rows"], found["basis"]) == (3, "decisions")
        assert by_name["reject_low_credit"]["hits"] == 3
        assert by_name["approve_strong"]["shadowed_by"] == "reject_low_credit"

    def test_counts_given_rows_and_those_that_do_not_fit(self, house: House) -> None:
        rows = [APPROVED, REJECTED, {"dti": "x"}]
        found = house.call("POST", "rules/coverage", {"contract": "lending", "rows": rows}).json()
        assert (found["rows"], found["misfits"]) == (2, 1)
        assert found["classes"] == {"approve": 1, "reject": 1}


class TestWorkspace:
    def test_tells_an_editor_what_can_be_written(self, house: House) -> None:
        found = house.call("GET", "rules/workspace?contract=lending", role="auditor").json()
        assert found["rulesets"][0] == {"name": "lending", "version": "0.1.0"}
        assert {"credit_score", "dti"} <= {field["path"] for field in found["fields"]}
        assert (
            house.call("POST", "rules/try", {"contract": "lending", "input": found["sample"]}).status_code
            == 200
        )

    def test_turns_cells_into_a_table_that_can_be_saved(self, house: House) -> None:
        cells = "credit_score\tout: class\tout: reasons\n< 600\treject\tlow\n>= 600\tapprove\tfine\n"
        body = {"cells": cells, "name": "bands", "contract": "lending"}
        made = house.call("POST", "rules/table", body).json()
        assert made["checked"]["is_valid"]
        assert made["checked"]["problems"] == []
        body = {"source": made["source"], "contract": "lending"}
        saved = house.call("POST", "rulesets/bands/versions", body)
        assert (saved.status_code, saved.json()["version"]) == (201, "1.0.0")
        body = {"contract": "lending", "reason": "new bands", "confirm": "lending"}
        done = house.call("POST", "rulesets/bands/versions/1.0.0/activate", body)
        assert done.json()["rulesets"][-1] == {"name": "bands", "version": "1.0.0"}
        assert "fine" in house.decide(APPROVED)["reasons"]


class TestDrafts:
    def test_keep_also_what_is_invalid(self, house: House) -> None:
        saved = house.draft("rules: [", 0)
        assert (saved.status_code, saved.json()["revision"]) == (200, 1)
        found = house.call("GET", "rulesets/lending/draft?contract=lending").json()
        assert (found["text"], found["base_version"]) == ("rules: [", "0.1.0")
        assert house.call("GET", "rulesets/lending/draft?contract=lending", role="second").status_code == 404

    def test_may_be_saved_again_with_the_same_text(self, house: House) -> None:
        house.draft(STRICTER, 0)
        assert house.draft(STRICTER, 0).json()["revision"] == 1
        assert house.draft(LENDING, 1).json()["revision"] == 2

    def test_lose_nothing_to_another_window(self, house: House) -> None:
        house.draft(LENDING, 0)
        house.draft(LENDING.replace("dti > 0.60", "dti > 0.70"), 1)
        response = house.draft(STRICTER, 1)
        assert (response.status_code, response.json()["code"]) == (409, "draft_conflict")
        told = response.json()
        assert "dti > 0.70" in told["stored"]["text"]
        assert told["given"]["text"] == STRICTER
        assert told["merge"]["is_clean"]
        assert "dti > 0.70" in told["merge"]["text"]
        assert "credit_score < 730" in told["merge"]["text"]
        joined = house.draft(told["merge"]["text"], told["stored"]["revision"])
        assert joined.json()["revision"] == 3

    def test_show_both_texts_where_both_changed_the_same_line(self, house: House) -> None:
        house.draft(LENDING, 0)
        house.draft(LENDING.replace("credit_score < 550", "credit_score < 500"), 1)
        told = house.draft(STRICTER, 1).json()
        assert not told["merge"]["is_clean"]
        assert told["merge"]["conflicts"][0]["mine"] == ["    when: credit_score < 730"]
        with scope.tenant_scope(house.tenant):
            assert RulesetDraft.objects.get().revision == 2

    def test_keep_a_bounded_past(self, house: House) -> None:
        for number in range(35):
            house.draft(f"text {number}", number)
        with scope.tenant_scope(house.tenant):
            assert RulesetDraftText.objects.count() == 30

    def test_are_seen_by_colleagues_and_discarded_by_their_author(self, house: House) -> None:
        made = house.draft(STRICTER, 0).json()
        listed = house.call("GET", "rulesets/lending/drafts", role="second").json()
        assert [row["id"] for row in listed] == [made["id"]]
        read = house.call("GET", f"rules/drafts/{made['id']}", role="second")
        assert read.json()["text"] == STRICTER
        assert House().call("GET", f"rules/drafts/{made['id']}").status_code == 404
        assert house.call("DELETE", "rulesets/lending/draft?contract=lending").status_code == 204
        assert house.call("GET", "rulesets/lending/drafts").json() == []

    def test_are_not_for_those_who_only_read(self, house: House) -> None:
        assert house.draft(STRICTER, 0, role="auditor").status_code == 403
        assert house.call("GET", "rulesets/lending/draft?contract=lending", role="auditor").status_code == 403


class TestVersions:
    def test_come_from_a_draft_that_is_then_gone(self, house: House) -> None:
        house.draft(STRICTER, 0)
        saved = house.save(STRICTER, base_version="0.1.0", note="stricter")
        assert saved.status_code == 201, saved.content
        told = saved.json()
        assert (told["version"], told["base"], told["note"]) == ("0.1.0-local.1", "0.1.0", "stricter")
        assert house.call("GET", "rulesets/lending/draft?contract=lending").status_code == 404
        assert house.kinds()[-1] == "ruleset.saved"
        again = house.save(STRICTER, version="0.1.0-local.1", base_version="0.1.0")
        assert again.json()["id"] == told["id"]

    def test_are_never_made_of_invalid_rules(self, house: House) -> None:
        bad = STRICTER.replace("dti > 0.60", "dit > 0.60")
        house.draft(bad, 0)
        refused = house.save(bad)
        assert (refused.status_code, refused.json()["code"]) == (422, "ruleset_invalid")
        assert refused.json()["errors"][0]["rule"] == "reject_high_dti"
        assert refused.json()["errors"][0]["line"] > 1
        assert house.call("GET", "rulesets/lending/draft?contract=lending").json()["text"] == bad
        with scope.tenant_scope(house.tenant):
            assert RulesetVersion.objects.filter(name="lending").count() == 1

    @pytest.mark.parametrize(
        ("path", "body", "status"),
        [
            ("rulesets/Bad/versions", {"source": LENDING}, 422),
            ("rulesets/other/versions", {"source": LENDING}, 422),
            ("rulesets/lending/versions", {"source": STRICTER, "version": "one"}, 422),
            ("rulesets/lending/versions", {"source": STRICTER, "version": "0.1.0"}, 409),
            ("rulesets/lending/versions", {"source": STRICTER, "contract": "no"}, 404),
        ],
    )
    def test_are_refused_whole(self, house: House, path: str, body: dict[str, Any], status: int) -> None:
        before = house.kinds()
        assert house.call("POST", path, body).status_code == status
        assert house.kinds() == before

    def test_say_when_a_colleague_was_faster(self, house: House) -> None:
        house.save(LENDING.replace("dti > 0.60", "dti > 0.70"), base_version="0.1.0")
        refused = house.save(STRICTER, base_version="0.1.0")
        assert (refused.status_code, refused.json()["code"]) == (409, "ruleset_moved")
        told = refused.json()
        assert told["stored"]["version"] == "0.1.0-local.1"
        assert told["merge"]["is_clean"]
        joined = house.save(told["merge"]["text"], base_version="0.1.0-local.1")
        assert joined.json()["version"] == "0.1.0-local.2"

    def test_are_compared_in_words_and_as_text(self, house: House) -> None:
        house.save(STRICTER)
        found = house.call("GET", "rulesets/lending/diff?from=0.1.0&to=0.1.0-local.1", role="auditor").json()
        assert [change["text"] for change in found["changes"]] == [
            "reject_low_credit: the limit on credit_score goes up from 550 to 730."
        ]
        assert "+    when: credit_score < 730" in found["unified"]

    def test_are_listed_and_read(self, house: House) -> None:
        house.save(STRICTER)
        listed = house.call("GET", "rulesets", role="auditor").json()["results"]
        assert {row["name"]: row["version"] for row in listed} == {
            "lending": "0.1.0-local.1",
            "lending_guards": "0.1.0",
        }
        rows = house.call("GET", "rulesets/lending/versions").json()["results"]
        assert [row["version"] for row in rows] == ["0.1.0-local.1", "0.1.0"]
        read = house.call("GET", "rulesets/lending/versions/0.1.0").json()
        assert read["origin"] == "lending 0.1.0"
        assert read["in_force"] == [{"contract": "lending", "contract_version": "1.0.0", "version": "0.1.0"}]
        assert house.call("GET", "rulesets/lending/versions/9.9.9").status_code == 404
        assert House().call("GET", "rulesets/lending/versions/0.1.0-local.1").status_code == 404


class TestActivation:
    def test_shows_first_what_it_would_change(self, house: House) -> None:
        made = house.decide(APPROVED)
        house.decide(REJECTED)
        house.save(STRICTER)
        path = "rulesets/lending/versions/0.1.0-local.1/activate?contract=lending"
        shown = house.call("GET", path).json()
        assert shown["present"] == "0.1.0"
        assert shown["rehearsal"]["decisions"] == 2
        flip = shown["rehearsal"]["flips"][0]
        assert (flip["decision_id"], flip["before"], flip["after"]) == (
            made["decision_id"],
            "approve",
            "reject",
        )
        assert house.decide(APPROVED)["class"] == "approve"

    @pytest.mark.requirement("A-D4")
    def test_changes_what_is_decided_and_the_way_back_restores_it(self, house: House) -> None:
        first = house.decide(APPROVED)
        house.save(STRICTER)
        done = house.activate("0.1.0-local.1", expected="1.0.0")
        assert done.status_code == 200, done.content
        assert (done.json()["version"], done.json()["previous"]) == ("1.0.0-local.1", "1.0.0")
        changed = house.decide(APPROVED)
        assert changed["class"] == "reject"
        assert changed["versions"]["rulesets"][0]["version"] == "0.1.0-local.1"
        body = {"contract": "lending", "reason": "too strict", "confirm": "lending"}
        back = house.call("POST", "rules/rollback", body)
        assert (back.status_code, back.json()["version"]) == (200, "1.0.0")
        again = house.decide(APPROVED)
        assert (again["class"], again["reasons"]) == (first["class"], first["reasons"])
        assert again["versions"] == first["versions"]
        with scope.tenant_scope(house.tenant):
            told = Entry.objects.filter(kind__startswith="contract.").order_by("id")
            acts = [(entry.kind, entry.payload.get("reason")) for entry in told][-2:]
        assert acts == [
            ("contract.activated", "losses in this band"),
            ("contract.rolled_back", "too strict"),
        ]
        for made in (first, changed, again):
            replayed = house.call("POST", f"decisions/{made['decision_id']}/replay").json()
            assert replayed["identical"]
        assert house.call("POST", "rules/rollback", body).json()["code"] == "contract_nothing_before"

    def test_may_be_repeated(self, house: House) -> None:
        house.save(STRICTER)
        house.activate("0.1.0-local.1")
        before = house.kinds()
        again = house.activate("0.1.0-local.1", expected="1.0.0")
        assert again.json()["version"] == "1.0.0-local.1"
        assert house.kinds() == before

    @pytest.mark.parametrize(
        ("more", "pointer"), [({"reason": " "}, "/reason"), ({"confirm": "lendin"}, "/confirm")]
    )
    def test_needs_a_reason_and_the_name(self, house: House, more: dict[str, str], pointer: str) -> None:
        house.save(STRICTER)
        refused = house.activate("0.1.0-local.1", **more)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
        assert house.decide(APPROVED)["class"] == "approve"

    def test_refuses_one_who_looked_at_another_version(self, house: House) -> None:
        house.save(STRICTER)
        house.activate("0.1.0-local.1")
        house.save(LENDING.replace("dti > 0.60", "dti > 0.70"))
        refused = house.activate("0.1.0-local.2", expected="1.0.0")
        assert (refused.status_code, refused.json()["code"]) == (409, "contract_moved")
        assert refused.json()["present"] == "1.0.0-local.1"
        with scope.tenant_scope(house.tenant):
            assert ContractVersion.objects.filter(name="lending").count() == 2

    def test_is_not_for_those_who_only_read_or_decide(self, house: House) -> None:
        house.save(STRICTER)
        body = {"contract": "lending", "reason": "because", "confirm": "lending"}
        path = "rulesets/lending/versions/0.1.0-local.1/activate"
        for role in ("agent", "auditor"):
            assert house.call("POST", path, body, role=role).status_code == 403
            assert house.call("POST", "rules/rollback", body, role=role).status_code == 403
        assert House().call("POST", path, body).status_code == 404
