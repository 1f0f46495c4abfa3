"""Pages of decisions: who sees what, under which filters, and what an act leaves behind."""

from __future__ import annotations

import csv
import io
import re
import uuid
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.test import Client

from decisionos.kernel import clock
from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.tenants import scope
from policy.decisions.contracts import services as contracts
from policy.decisions.models import ContractVersion
from policy.decisions.statistics import folding
from policy.decisions.views import lists
from tests.budgets import within_budget
from tests.people import person
from tests.policy.decisions.conftest import GOLDEN, NOON, Desk

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
PAGES = ("/home", "/decisions")


def text_of(answer: Any) -> str:
    """Return what a person reads on a page."""
    content = re.sub(r"<(script|style)\b.*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", content))


def shown(answer: Any) -> list[str]:
    """Return the decisions of a list, in its order."""
    return re.findall(r'class="row-link" href="/decisions/([0-9a-f-]{36})"', answer.content.decode())


def body_of(answer: Any) -> bytes:
    """Return a streamed body."""
    return b"".join(answer.streaming_content)


def kinds(desk: Desk) -> list[str]:
    with scope.tenant_scope(desk.tenant):
        return list(Entry.objects.order_by("id").values_list("kind", flat=True))


class TestPermissions:
    @pytest.mark.parametrize("path", [*PAGES, "/decisions/{id}", "/decisions/{id}/proof.json"])
    def test_are_asked_for_every_page(self, desk: Desk, path: str) -> None:
        made = desk.decide(GOLDEN["approve"])
        desk.seal()
        path = path.format(id=made)
        assert person(desk.tenant, role="auditor").get(path).status_code == 200
        assert person(desk.tenant, role="billing_admin").get(path).status_code == 403
        assert Client().get(path).status_code == 302

    @pytest.mark.requirement("F-M1")
    @pytest.mark.parametrize("path", ["", "/replay", "/verify", "/proof.json", "/personal"])
    def test_of_another_organization_open_nothing(self, desk: Desk, path: str) -> None:
        made = desk.decide(GOLDEN["approve"])
        desk.seal()
        stranger = person(Desk().tenant, role="owner")
        method = stranger.post if path in {"/replay", "/verify", "/personal"} else stranger.get
        before = kinds(desk)
        assert method(f"/decisions/{made}{path}").status_code == 404
        assert kinds(desk) == before
        assert shown(stranger.get(f"/decisions?q={made}")) == []

    @pytest.mark.requirement("A-M3")
    def test_to_export_and_to_read_inputs_are_their_own(self, desk: Desk) -> None:
        made = desk.decide(GOLDEN["approve"])
        reviewer = person(desk.tenant, role="reviewer")
        assert reviewer.get("/decisions?export=csv").status_code == 403
        assert reviewer.post(f"/decisions/{made}/personal").status_code == 403
        assert "decision.export_started" not in kinds(desk)


class TestList:
    def test_shows_the_decisions_newest_first(self, desk: Desk) -> None:
        desk.fill(12)
        answer = person(desk.tenant).get("/decisions")
        assert shown(answer) == [str(row.id) for row in desk.rows()]

    @pytest.mark.parametrize(
        ("query", "wanted"),
        [
            ("class=reject", lambda row: row.decision_class == "reject"),
            ("class=reject&class=review", lambda row: row.decision_class != "approve"),
            ("reason=income_unverified", lambda row: "income_unverified" in row.reasons),
            ("confidence=0.7..", lambda row: row.confidence >= 0.7),
            ("q=credit+score", lambda row: "credit_score" in str(row.reasons)),
            ("actor=key%3Atwo", lambda row: row.actor == "key:two"),
            ("period=2026-11-02", lambda row: row.decided_at.day == 2),
            ("from=2026-11-02T09:00:00Z&to=2026-11-02T10:00:00Z", lambda row: row.decided_at.hour == 9),
        ],
    )
    def test_is_narrowed_by_its_address(self, desk: Desk, query: str, wanted: Any) -> None:
        desk.fill(40)
        answer = person(desk.tenant).get(f"/decisions?{query}")
        assert shown(answer) == [str(row.id) for row in desk.rows() if wanted(row)]

    def test_pages_through_all_of_them(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        desk.fill(12)
        monkeypatch.setattr(lists.DecisionsPage, "page_size", 5)
        client, path = person(desk.tenant), "/decisions"
        found: list[str] = []
        for _ in range(3):
            answer = client.get(path)
            found += shown(answer)
            older = re.search(r'rel="next" href="([^"]+)"', answer.content.decode())
            path = "/decisions" + older.group(1).replace("&amp;", "&") if older else ""
        assert found == [str(row.id) for row in desk.rows()]
        assert path == ""

    def test_answers_htmx_with_the_list_alone(self, desk: Desk) -> None:
        desk.fill(2)
        answer = person(desk.tenant).get("/decisions", headers={"HX-Request": "true"})
        assert answer.content.decode().lstrip().startswith('<div id="list"')
        assert len(shown(answer)) == 2

    def test_says_what_a_wrong_filter_is(self, desk: Desk) -> None:
        answer = person(desk.tenant).get("/decisions?class=maybe")
        assert answer.status_code == 422
        assert "/class" in text_of(answer)
        assert person(desk.tenant).get("/decisions?period=someday").status_code == 400
        assert person(desk.tenant).get("/decisions?after=xyz").status_code == 422

    def test_shows_the_columns_that_were_chosen(self, desk: Desk) -> None:
        desk.fill(1)
        client = person(desk.tenant)
        assert 'data-column="trace"' not in client.get("/decisions").content.decode()
        client.cookies["decisions_columns"] = "trace.<script>.result"
        content = client.get("/decisions").content.decode()
        assert 'data-column="trace"' in content
        assert 'data-column="time"' in content
        assert 'data-column="contract"' not in content

    def test_shows_text_as_text(self, desk: Desk) -> None:
        desk.decide(GOLDEN["approve"], actor="<script>alert(1)</script>", trace="<b>x</b>")
        client = person(desk.tenant)
        client.cookies["decisions_columns"] = "actor.trace"
        content = client.get("/decisions?q=%3Cb%3Ex%3C/b%3E").content.decode()
        assert "<script>alert(1)" not in content
        assert "<b>x</b>" not in content

    def test_says_what_it_is_for_where_it_is_empty(self, desk: Desk) -> None:
        client = person(desk.tenant)
        assert "No decision was made yet" in text_of(client.get("/decisions"))
        desk.fill(1)
        assert "Nothing fits these filters" in text_of(client.get("/decisions?q=nowhere"))

    def test_stays_within_its_budget_whatever_the_number_of_rows(self, desk: Desk) -> None:
        client = person(desk.tenant)
        desk.fill(5)
        client.get("/decisions")
        with within_budget("decisions"):
            client.get("/decisions")
        desk.fill(30, seed=2)
        with within_budget("decisions"):
            client.get("/decisions")
        with within_budget("decisions filtered"):
            client.get("/decisions?class=review&q=credit&period=30d")


class TestExport:
    def test_holds_exactly_what_is_filtered_and_is_noted(self, desk: Desk) -> None:
        desk.fill(20)
        answer = person(desk.tenant, role="auditor").get("/decisions?class=reject&export=csv")
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert "attachment" in answer["Content-Disposition"]
        rows = list(csv.DictReader(io.StringIO(body_of(answer).decode("utf-8-sig"))))
        expected = [str(row.id) for row in desk.rows() if row.decision_class == "reject"]
        assert [row["decision_id"] for row in rows] == expected
        assert kinds(desk)[-2:] == ["decision.export_started", "decision.export_ended"]

    def test_offers_json_lines_and_nothing_else(self, desk: Desk) -> None:
        desk.fill(3)
        client = person(desk.tenant)
        lines = body_of(client.get("/decisions?export=jsonl")).splitlines()
        assert [orjson.loads(line)["decision_id"] for line in lines] == [str(row.id) for row in desk.rows()]
        assert client.get("/decisions?export=xlsx").status_code == 422


class TestDecision:
    def test_says_why_and_what_would_change_it(self, desk: Desk) -> None:
        made = desk.decide({"credit_score": 641, "dti": 0.3, "income_verified": True})
        text = text_of(person(desk.tenant).get(f"/decisions/{made}"))
        assert "Borderline credit" in text
        assert "Would be approved with Credit score" in text
        assert "9 below 650" in text
        assert "641" in text

    @pytest.mark.requirement("A-D4")
    def test_hides_the_input_from_those_who_may_not_read_it(self, desk: Desk) -> None:
        made = desk.decide({"credit_score": 641, "dti": 0.3177, "income_verified": True}, subject="A-20914")
        for path in (f"/decisions/{made}", f"/decisions?open=/decisions/{made}"):
            content = person(desk.tenant, role="auditor").get(path).content.decode()
            for secret in ("641", "0.3177", "A-20914", "9 below 650"):
                assert secret not in content, secret
        assert "masked" in text_of(person(desk.tenant, role="auditor").get(f"/decisions/{made}"))

    def test_shows_personal_data_on_demand_and_notes_who_looked(self, desk: Desk) -> None:
        made = desk.decide(GOLDEN["approve"], subject="A-20914")
        client = person(desk.tenant)
        assert "A-20914" not in client.get(f"/decisions/{made}").content.decode()
        answer = client.post(f"/decisions/{made}/personal")
        assert answer.status_code == 200
        assert "A-20914" in answer.content.decode()
        assert kinds(desk)[-1] == "decision.input_read"
        assert "Personal data of the input was shown" in text_of(client.get(f"/decisions/{made}"))

    def test_replays_to_the_same_result(self, desk: Desk) -> None:
        made = desk.decide(GOLDEN["review"])
        answer = person(desk.tenant).post(f"/decisions/{made}/replay", headers={"HX-Request": "true"})
        assert "Replay gives the same result" in text_of(answer)
        assert kinds(desk)[-1] == "decision.replayed"

    def test_tells_what_the_version_in_force_would_say(self, desk: Desk) -> None:
        made = desk.decide({"credit_score": 560, "dti": 0.3, "income_verified": True})
        with scope.tenant_scope(desk.tenant):
            old = ContractVersion.objects.get(name="lending")
            contracts.save_contract(
                value=_with_version(old, "1.1.0", [{"name": "lending", "version": "0.1.0"}]), actor="t"
            )
            contracts.activate_contract(name="lending", version="1.1.0", actor="t", now=clock.now())
        answer = person(desk.tenant).post(f"/decisions/{made}/replay", headers={"HX-Request": "true"})
        assert "Replay gives the same result" in text_of(answer)
        assert "Under version 1.1.0, which is in force now" in text_of(answer)

    def test_proves_itself_in_the_page_and_as_a_file(self, desk: Desk) -> None:
        made = desk.decide(GOLDEN["approve"])
        client = person(desk.tenant)
        waiting = client.post(f"/decisions/{made}/verify", headers={"HX-Request": "true"})
        assert "waits for its seal" in text_of(waiting)
        assert client.get(f"/decisions/{made}/proof.json").status_code == 409
        desk.seal()
        proven = client.post(f"/decisions/{made}/verify", headers={"HX-Request": "true"})
        assert "Proven." in text_of(proven)
        proof = client.get(f"/decisions/{made}/proof.json").json()
        assert proof["entry_id"] == str(desk.rows()[0].ledger_entry_id)

    def test_is_not_there_for_an_unknown_id(self, desk: Desk) -> None:
        client = person(desk.tenant)
        assert client.get(f"/decisions/{uuid.uuid4()}").status_code == 404
        assert client.get("/decisions/x").status_code == 404

    def test_stays_within_its_budget(self, desk: Desk) -> None:
        made = desk.decide(GOLDEN["approve"])
        desk.seal()
        client = person(desk.tenant)
        client.get(f"/decisions/{made}")
        with within_budget("decision"):
            client.get(f"/decisions/{made}")


def _with_version(old: ContractVersion, version: str, rulesets: list[dict[str, str]]) -> Any:
    from policy.decisions.contracts import document
    from policy.decisions.contracts import selectors as reading

    value = reading.document_of(old).as_json()
    return document.parse({**value, "version": version, "rulesets": rulesets})


class TestHome:
    def test_shows_numbers_that_open_exactly_their_rows(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.fill(40)
        desk.seal()
        folding.fold_pending(desk.tenant)
        monkeypatch.setattr(clock, "now", lambda: NOON + timedelta(minutes=5))
        client = person(desk.tenant)
        answer = client.get("/home")
        content = answer.content.decode()
        stats = re.findall(r'<a class="v" href="([^"]+)">([^<]+)</a>', content)
        assert len(stats) == 4
        total = shown(client.get(stats[0][0].replace("&amp;", "&")))
        approved = shown(client.get(stats[1][0].replace("&amp;", "&")))
        assert stats[0][1].strip() == "40" == str(len(total))
        rate = 100 * sum(row.decision_class == "approve" for row in desk.rows()) / 40
        assert stats[1][1].strip() == f"{rate:.1f} %"
        assert len(approved) == sum(row.decision_class == "approve" for row in desk.rows())

    def test_says_what_it_is_for_where_nothing_was_decided(self, desk: Desk) -> None:
        assert "No decision was made yet" in text_of(person(desk.tenant).get("/home"))

    def test_leaves_out_the_ledger_for_those_who_may_not_read_it(self, desk: Desk) -> None:
        desk.fill(1)
        assert "Verify now" not in text_of(person(desk.tenant, role="reviewer").get("/home"))
        assert "Verify now" in text_of(person(desk.tenant, role="auditor").get("/home"))

    @pytest.mark.parametrize("window", ["24h", "7d", "30d", "nonsense"])
    def test_knows_its_windows(self, desk: Desk, window: str) -> None:
        assert person(desk.tenant).get(f"/home?window={window}").status_code == 200

    def test_stays_within_its_budget(self, desk: Desk) -> None:
        desk.fill(10)
        desk.seal()
        folding.fold_pending(desk.tenant)
        client = person(desk.tenant)
        client.get("/home")
        with within_budget("home"):
            client.get("/home")


class TestPalette:
    def test_finds_decisions_by_id_and_by_words(self, desk: Desk) -> None:
        made = desk.decide(GOLDEN["reject"])
        client = person(desk.tenant)
        for text in (str(made), "credit score"):
            found = client.get("/console/palette.json", {"q": text}).json()["groups"]
            assert any(item["url"] == f"/decisions/{made}" for group in found for item in group["items"]), (
                text
            )
