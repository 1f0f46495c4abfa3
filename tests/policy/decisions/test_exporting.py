"""An export holds exactly the rows of its list, nothing sealed, and stands in the ledger."""

from __future__ import annotations

import csv
import hashlib
import io
from typing import Any

import orjson
import pytest

from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.tenants import scope
from policy.decisions import exporting, listing
from policy.decisions.filters import Filters
from tests.policy.decisions.conftest import GOLDEN, Desk

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])


def export(desk: Desk, filters: Filters, kind: str = "jsonl", *, pieces: int | None = None) -> bytes:
    with scope.tenant_scope(desk.tenant):
        made = exporting.begin(filters=filters, kind=kind)
    found = exporting.stream(
        filters=filters, kind=kind, export_id=made, tenant_id=desk.tenant, actor="user:one"
    )
    if pieces is None:
        return b"".join(found)
    data = b"".join(next(found) for _ in range(pieces))  # type: ignore[call-overload]
    found.close()  # type: ignore[attr-defined]
    return data


def noted(desk: Desk) -> dict[str, dict[str, Any]]:
    with scope.tenant_scope(desk.tenant):
        return {
            entry.kind: entry.payload for entry in Entry.objects.filter(kind__startswith="decision.export")
        }


class TestStream:
    def test_holds_exactly_the_rows_of_the_list(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(listing, "MOST_ROWS", 4)
        desk.fill(15)
        filters = Filters(classes=("reject", "review"))
        records = [orjson.loads(line) for line in export(desk, filters).splitlines()]
        expected = [row for row in desk.rows() if row.decision_class != "approve"]
        assert [record["decision_id"] for record in records] == [str(row.id) for row in expected]
        assert list(records[0]) == list(exporting.COLUMNS)

    def test_writes_the_same_as_csv(self, desk: Desk) -> None:
        desk.fill(5)
        text = export(desk, Filters(), "csv").decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [row["decision_id"] for row in rows] == [str(row.id) for row in desk.rows()]
        assert rows[0]["reasons"].split() == desk.rows()[0].reasons

    @pytest.mark.requirement("A-D4")
    def test_lets_nothing_sealed_out(self, desk: Desk) -> None:
        desk.decide(GOLDEN["approve"], subject="A-20914")
        for kind in exporting.FORMATS:
            content = export(desk, Filters(), kind)
            assert b"A-20914" not in content
            assert b"720" not in content

    def test_notes_beginning_and_end_with_the_hash_of_all_bytes(self, desk: Desk) -> None:
        desk.fill(3)
        content = export(desk, Filters(subject="", search="lending"))
        entries = noted(desk)
        assert entries["decision.export_started"]["filters"] == {"q": "given"}
        assert entries["decision.export_ended"] == {
            "rows": 3,
            "sha256": hashlib.sha256(content).hexdigest(),
            "is_whole": True,
        }

    def test_notes_a_reader_who_left(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(listing, "MOST_ROWS", 2)
        desk.fill(9)
        content = export(desk, Filters(), pieces=2)
        assert noted(desk)["decision.export_ended"] == {
            "rows": 4,
            "sha256": hashlib.sha256(content).hexdigest(),
            "is_whole": False,
        }

    @pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx"])
    def test_gives_a_spreadsheet_no_formula(self, text: str) -> None:
        assert exporting._cell(text) == f"'{text}"

    def test_knows_its_formats(self, desk: Desk) -> None:
        with scope.tenant_scope(desk.tenant), pytest.raises(exporting.FormatUnknown):
            exporting.begin(filters=Filters(), kind="xlsx")
