"""Asking for an evaluation: files as they come, columns as they are called, downloads, links."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import openpyxl
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from decisionos.kernel import clock, encryption
from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.tenants import scope
from policy.decisions.backtests import history, mapping, reader, services, sharing, sources, uploads
from policy.decisions.contracts.selectors import ContractNotFound
from policy.decisions.models import Backtest, Decision
from policy.decisions.selectors import BacktestNotFound
from tests.policy.decisions.backtests.conftest import GOOD_ROWS, HEAD
from tests.policy.decisions.test_api import House
from tests.policy.lending import APPROVED, REJECTED, REVIEWED

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
Ask = Callable[..., Backtest]
Act = Callable[[Backtest], Any]


class TestUpload:
    def test_is_sealed_while_it_waits_and_gone_afterwards(self, ask: Ask, run: Act, reread: Act) -> None:
        row = ask()
        assert b"credit_score" not in bytes(reread(row).upload or b"")
        assert run(row).state == "done"
        assert reread(row).upload is None

    def test_over_the_limit_is_refused_with_the_limit(self, ask: Ask, settings: Any) -> None:
        settings.DOS_MAX_UPLOAD_BYTES = 50
        with pytest.raises(uploads.UploadTooLarge, match="at most 50") as refused:
            ask()
        assert refused.value.extra["limit"] == 50

    def test_over_the_limit_is_refused_by_its_announced_length_before_it_is_read(
        self, house: House, settings: Any
    ) -> None:
        settings.DOS_MAX_UPLOAD_BYTES = 1_000
        answer = Client().generic(
            "POST", "/api/v1/backtests", b"x" * 2_000, "multipart/form-data; boundary=x",
            headers={"X-Api-Key": house.keys["admin"]},
        )  # fmt: skip
        assert answer.status_code == 413
        assert answer.json()["limit"] == 1_000

    def test_of_korean_text_in_an_older_encoding_is_taken(self, ask: Ask, run: Act) -> None:
        text = f"{HEAD},region\n700,0.3,true,1,서울\n"
        row = run(ask(text.encode("cp949")))
        assert row.state == "done", row.error
        cut = {item["field"]: item for item in row.report["segments"]}
        assert cut["region"]["segments"][0]["name"] == "서울"

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
    def test_with_a_mark_of_its_encoding_is_taken(self, ask: Ask, run: Act, encoding: str) -> None:
        assert run(ask(GOOD_ROWS.encode(encoding))).report["metrics"]["rows"] == 3

    def test_that_is_a_spreadsheet_is_told_what_to_do(self, ask: Ask) -> None:
        held = io.BytesIO()
        openpyxl.Workbook().save(held)
        with pytest.raises(sources.SourceInvalid, match="save the sheet as CSV"):
            ask(held.getvalue())
        with pytest.raises(sources.SourceInvalid, match="Save the sheet as CSV"):
            uploads.kind_of("rows.xlsx")

    @pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff\xd8\x80"])
    def test_without_rows_or_without_text_is_refused(self, ask: Ask, content: bytes) -> None:
        with pytest.raises(sources.SourceInvalid):
            ask(content)

    def test_of_an_unknown_contract_is_refused(self, ask: Ask) -> None:
        with pytest.raises(ContractNotFound):
            ask(contract="lendign")


class TestMapping:
    WRONG = "Credit Score,DTI ratio,incomeVerified,label\n530,0.3,true,0\n720,0.3,true,1\n"
    RIGHT = {"credit_score": "Credit Score", "dti": "DTI ratio", "income_verified": "incomeVerified"}

    def test_is_asked_for_with_the_nearest_names(self, ask: Ask) -> None:
        with pytest.raises(mapping.MappingNeeded) as refused:
            ask(self.WRONG)
        told = {item["pointer"]: item["message"] for item in refused.value.errors}
        assert "Credit Score" in told["/mapping/credit_score"]
        assert "incomeVerified" in told["/mapping/income_verified"]
        near = {item["name"]: item["near"] for item in refused.value.extra["offer"]["fields"]}
        assert near["credit_score"][0] == "Credit Score"
        assert near["dti"][0] == "DTI ratio"

    def test_is_used_where_it_is_given(self, ask: Ask, run: Act) -> None:
        row = run(ask(self.WRONG, columns=self.RIGHT))
        assert row.report["metrics"]["classes"] == {"approve": 1, "review": 0, "reject": 1}
        assert row.report["metrics"]["labelled"] == 2

    def test_can_be_given_later_while_the_file_waits(
        self, house: House, ask: Ask, run: Act, reread: Act
    ) -> None:
        row = ask(self.WRONG, keep_draft=True)
        assert (row.state, run(row).state) == ("draft", "draft")
        with scope.tenant_scope(house.tenant):
            with pytest.raises(mapping.MappingNeeded):
                services.map_columns(backtest_id=row.id, columns={"dti": "DTI ratio"})
            services.map_columns(backtest_id=row.id, columns=self.RIGHT)
            with pytest.raises(services.BacktestOver):
                services.map_columns(backtest_id=row.id, columns=self.RIGHT)
        assert run(row).report["metrics"]["rows"] == 2

    @pytest.mark.parametrize("wrong", [{"dti": "no such"}, {"no_such": "dti"}])
    def test_of_what_is_not_there_is_refused(self, ask: Ask, wrong: dict[str, str]) -> None:
        with pytest.raises(sources.SourceInvalid, match="does not fit"):
            ask(columns=wrong)

    def test_tells_in_the_report_what_was_not_used(self, ask: Ask, run: Act) -> None:
        file = run(ask(f"{HEAD},other\n700,0.3,true,1,x\n", file_name="may.csv")).report["file"]
        assert file["unused"] == ["other"]
        assert "purpose" in file["absent"]
        assert file["name"] == "may.csv"

    @pytest.mark.parametrize("kind", ["parquet", "jsonl"])
    def test_reads_the_names_of_every_kind_of_file(self, ask: Ask, run: Act, kind: str) -> None:
        given = [{"Score": 530, "dti": 0.3, "income_verified": True}]
        held = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(given), held)
        content = held.getvalue() if kind == "parquet" else orjson.dumps(given[0])
        with pytest.raises(mapping.MappingNeeded):
            ask(content, source=kind)
        row = run(ask(content, source=kind, columns={"credit_score": "Score"}))
        assert row.report["metrics"]["classes"]["reject"] == 1

    def test_finds_names_whose_words_stand_in_another_order(self) -> None:
        assert mapping.nearest("income_monthly", ["monthlyIncome", "region"]) == ("monthlyIncome",)
        assert mapping.nearest("credit_score", ["purpose"]) == ()


class TestBadRows:
    TEXT = (
        f'{HEAD},purpose\n700,0.3,true,1,"a\nb"\n\n900,9,true,1,\n'
        "many,0.3,true,0,\n700,0.3,true\n720,0.3,true,1,\n"
    )

    def test_are_listed_with_their_lines(self, ask: Ask, run: Act) -> None:
        report = run(ask(self.TEXT)).report
        found = {item["row"]: item for item in report["invalid_sample"]}
        assert {row: item["line"] for row, item in found.items()} == {1: 2, 2: 5, 3: 6, 4: 7}
        assert found[2]["errors"][0]["pointer"] == "/input/dti"
        assert found[3]["errors"] == [{"pointer": "/input/credit_score", "message": "is not a number"}]
        assert "3 cells, the header 5" in found[4]["errors"][0]["message"]
        assert report["metrics"]["rows"] == 1

    def test_can_be_downloaded(self, house: House, ask: Ask, run: Act) -> None:
        row = run(ask(self.TEXT))
        with scope.tenant_scope(house.tenant):
            lines = services.get_download(backtest_id=row.id, kind="bad_rows").decode().splitlines()
        assert lines[0] == "row,line,decision_id,field,problem"
        assert "3,6,,/input/credit_score,is not a number" in lines
        assert "many" not in "".join(lines)

    def test_of_lines_are_told_too(self, ask: Ask, run: Act) -> None:
        good = b'{"credit_score":700,"dti":0.3,"income_verified":true}\n'
        report = run(ask(good + b"\n{broken\n" + good, source="jsonl")).report
        assert [(item["row"], item["line"]) for item in report["invalid_sample"]] == [(2, 3)]


class TestFlips:
    def test_can_be_downloaded_whole(self, house: House, ask: Ask, run: Act) -> None:
        row = run(ask(baseline="1.0.0", version="1.2.0"))
        with scope.tenant_scope(house.tenant):
            content = services.get_download(backtest_id=row.id, kind="flips").decode()
        assert content.splitlines() == [
            "row,before,after,rules_before,rules_after,label",
            '3,review,reject,"review_missing_docs, review_borderline",reject_low_credit,0',
        ]
        assert row.report["comparison"]["flipped"] == 1

    def test_are_not_there_without_a_second_version(self, house: House, ask: Ask, run: Act) -> None:
        row = run(ask())
        with scope.tenant_scope(house.tenant):
            with pytest.raises(services.BacktestNotReady):
                services.get_download(backtest_id=row.id, kind="flips")
            with pytest.raises(BacktestNotFound):
                services.get_download(backtest_id=row.id, kind="upload")


class TestHistory:
    def test_reads_the_inputs_in_order_by_one_reader_or_several(
        self, house: House, run: Act, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for given in (APPROVED, REJECTED, REVIEWED, APPROVED, REJECTED):
            house.decide(given)
        made = []
        for few in (100, 2):
            monkeypatch.setattr(history, "FEW", few)
            found = history.History(house.tenant, "lending")
            lines = [orjson.loads(line) for block in found.blocks() for line in block.splitlines()]
            made.append((lines, found.names()))
        with scope.tenant_scope(house.tenant):
            expected = [str(item) for item in Decision.objects.order_by("id").values_list("id", flat=True)]
        assert made[0] == made[1]
        assert made[0][1] == expected
        assert [item["credit_score"] for item in made[0][0]] == [720, 530, 640, 720, 530]

    def test_holds_to_its_window_and_its_organization(self, house: House) -> None:
        other = House()
        other.decide(APPROVED)
        house.decide(APPROVED)
        middle = clock.now()
        house.decide(REJECTED)
        early = history.History(house.tenant, "lending", end=middle)
        late = history.History(house.tenant, "lending", start=middle)
        assert [len(list(sources.rows(item.source(), {"properties": {}}, ""))) for item in (early, late)] == [
            1,
            1,
        ]
        assert list(history.History(house.tenant, "other").blocks()) == []

    def test_tells_which_decision_a_row_was(self, house: House, ask: Ask, run: Act) -> None:
        house.decide(APPROVED)
        flips = house.decide(REVIEWED).json()["decision_id"]
        row = run(ask(source="history", content=None, baseline="1.0.0", version="1.2.0"))
        assert row.state == "done", row.error
        assert row.report["comparison"]["flips"][0]["decision_id"] == flips
        with scope.tenant_scope(house.tenant):
            lines = services.get_download(backtest_id=row.id, kind="flips").decode().splitlines()
        assert lines[0].startswith("row,decision_id,")
        assert lines[1].startswith(f"2,{flips},review,reject,")

    def test_says_so_where_a_reader_dies(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(history, "FEW", 1)
        for _ in range(4):
            house.decide(APPROVED)
        real = history._place()
        monkeypatch.setattr(history, "_place", lambda: {**real, "dbname": "no_such_database"})
        with pytest.raises(history.HistoryBroken):
            list(history.History(house.tenant, "lending").blocks())

    @pytest.mark.parametrize("few", [100, 1])
    def test_stops_at_a_seal_that_was_changed(
        self, house: House, ask: Ask, run: Act, few: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(history, "FEW", few)
        for _ in range(3):
            house.decide(APPROVED)
        with scope.tenant_scope(house.tenant):
            last = Decision.objects.order_by("id").last()
            assert last is not None
            broken = bytes(last.sealed)[:-1] + bytes([bytes(last.sealed)[-1] ^ 1])
            Decision.objects.filter(id=last.id).update(sealed=broken)
        row = run(ask(source="history", content=None))
        assert row.state == "failed"
        assert "open" in row.error or "changed" in row.error

    def test_refuses_a_window_that_ends_before_it_begins(self, ask: Ask) -> None:
        now = clock.now()
        with pytest.raises(sources.SourceInvalid):
            ask(source="history", content=None, start=now, end=now - timedelta(days=1))


class TestOpener:
    def test_opens_what_was_sealed_and_refuses_what_was_changed(self) -> None:
        opener = encryption.opener(context=b"here")
        same = encryption.seal(b"same", context=b"here")
        assert [opener(same), opener(same)] == [b"same", b"same"]
        with pytest.raises(encryption.SealBroken):
            opener(same[:-1] + bytes([same[-1] ^ 1]))
        sealed = [encryption.seal(text, context=b"here") for text in (b"", b"one", b"two" * 500)]
        assert [opener(item) for item in sealed] == [b"", b"one", b"two" * 500]
        foreign = encryption.seal(b"x", context=b"there")
        for wrong in (b"", b"DOS1", sealed[1][:-1], sealed[1][:-1] + b"\x00", foreign, sealed[2][:40]):
            with pytest.raises(encryption.SealBroken):
                opener(wrong)

    def test_input_is_found_whatever_its_keys_are(self) -> None:
        for given in ({"a": 1}, {"subject": "x", "b": {"c": 1, "subject": 2}}, {"a": ',"subject":'}, {}):
            plain = orjson.dumps({"input": given, "subject": "s", "seen": []})
            assert orjson.loads(reader.input_of(plain)) == given


class TestSharing:
    @pytest.fixture
    def done(self, ask: Ask, run: Act) -> Backtest:
        made: Backtest = run(ask())
        return made

    def test_opens_the_report_until_its_time_is_over(
        self, house: House, done: Backtest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with scope.tenant_scope(house.tenant):
            token = sharing.share(backtest_id=done.id, lives=timedelta(hours=1), actor="user:a")
            assert Entry.objects.filter(kind="backtest.shared").count() == 1
        assert sharing.open_link(token=token).id == done.id
        later = time.time() + 2 * 3_600
        monkeypatch.setattr(signing, "time", SimpleNamespace(time=lambda: later))
        with pytest.raises(sharing.LinkInvalid):
            sharing.open_link(token=token)

    def test_ends_when_it_is_ended(self, house: House, done: Backtest) -> None:
        with scope.tenant_scope(house.tenant):
            token = sharing.share(backtest_id=done.id, lives=timedelta(days=1), actor="t")
            sharing.end_links(backtest_id=done.id, actor="t")
        with pytest.raises(sharing.LinkInvalid):
            sharing.open_link(token=token)
        with scope.tenant_scope(house.tenant):
            sharing.share(backtest_id=done.id, lives=timedelta(days=1), actor="t")
        with pytest.raises(sharing.LinkInvalid):
            sharing.open_link(token=token)

    def test_refuses_a_token_that_was_changed(self, house: House, done: Backtest) -> None:
        with scope.tenant_scope(house.tenant):
            token = sharing.share(backtest_id=done.id, lives=timedelta(days=1), actor="t")
        for wrong in ("", "x", token[:-1], token + "x", token[1:]):
            with pytest.raises(sharing.LinkInvalid):
                sharing.open_link(token=wrong)

    @pytest.mark.parametrize("lives", [timedelta(0), timedelta(days=31)])
    def test_has_its_bounds(self, house: House, done: Backtest, lives: timedelta) -> None:
        with scope.tenant_scope(house.tenant), pytest.raises(sharing.LinkTooLong):
            sharing.share(backtest_id=done.id, lives=lives, actor="t")


class TestApi:
    def post(self, house: House, role: str = "admin", **form: Any) -> Any:
        given = {"contract": "lending", "rows": SimpleUploadedFile("may.csv", GOOD_ROWS.encode()), **form}
        return Client().post("/api/v1/backtests", given, headers={"X-Api-Key": house.keys[role]})

    def test_takes_a_file_and_gives_its_lists(self, house: House, run: Act) -> None:
        answer = self.post(house, baseline="1.1.0", segments="credit_score")
        assert answer.status_code == 202, answer.content
        made = answer.json()
        assert (made["state"], made["file_name"]) == ("queued", "may.csv")
        run(Backtest(id=made["id"]))
        where = f"backtests/{made['id']}"
        report = house.call("GET", f"{where}/report", role="admin").json()
        assert [item["field"] for item in report["segments"]] == ["credit_score"]
        flips = house.call("GET", f"{where}/flips.csv", role="admin")
        assert flips["Content-Type"].startswith("text/csv")
        assert house.call("GET", f"{where}/bad_rows.csv", role="admin").status_code == 409
        beside = house.call("GET", f"{where}/compared-with/{made['id']}", role="admin").json()
        assert beside["same_rows"] is True

    def test_offers_a_mapping(self, house: House) -> None:
        rows = SimpleUploadedFile("may.csv", TestMapping.WRONG.encode())
        answer = self.post(house, rows=rows)
        assert answer.status_code == 422
        assert answer.json()["code"] == "backtest_mapping_needed"
        rows = SimpleUploadedFile("may.csv", TestMapping.WRONG.encode())
        again = self.post(house, rows=rows, mapping=orjson.dumps(TestMapping.RIGHT).decode())
        assert again.status_code == 202

    def test_cancels_and_shares(self, house: House, run: Act) -> None:
        made = self.post(house).json()
        assert house.call("POST", f"backtests/{made['id']}/share", {}, role="admin").status_code == 409
        assert (
            house.call("POST", f"backtests/{made['id']}/cancel", role="admin").json()["state"] == "cancelled"
        )
        assert house.call("POST", f"backtests/{made['id']}/cancel", role="admin").status_code == 409
        other = self.post(house).json()
        run(Backtest(id=other["id"]))
        where = f"backtests/{other['id']}/share"
        link = house.call("POST", where, {"hours": 2}, role="admin")
        assert link.json()["path"].startswith("/shared/backtests/")
        assert house.call("DELETE", where, role="admin").status_code == 204

    def test_refuses_those_without_the_permission_and_other_organizations(self, house: House) -> None:
        made, other = self.post(house).json(), House()
        for method, path in (("GET", ""), ("POST", "/cancel"), ("GET", "/report"), ("POST", "/share")):
            where = f"backtests/{made['id']}{path}"
            assert house.call(method, where, {}, role="auditor").status_code == 403
            assert other.call(method, where, {}, role="admin").status_code == 404
