"""Export decisions as CSV or JSON lines: exactly the rows of a list, streamed, and noted in the ledger.

What must stay true: nothing sealed leaves here, neither input nor the values that rules saw; who exported
what under which filters stands in the ledger before the first byte, and how many rows with which hash after
the last one, also where the reader went away in the middle. No file is written.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import uuid
from collections.abc import Generator, Iterator
from typing import Any

import orjson

from decisionos.kernel import errors
from decisionos.kernel.ledger import acting
from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.tenants import scope
from policy.decisions import listing
from policy.decisions.filters import Filters
from policy.decisions.models import Decision

FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
COLUMNS = (
    "decision_id",
    "decided_at",
    "contract",
    "contract_version",
    "class",
    "reasons",
    "confidence",
    "required_docs",
    "rules",
    "subject",
    "environment",
    "actor",
    "trace_id",
    "ledger_entry_id",
    "duration_us",
)
_HEAVY = tuple(name for name in listing.HEAVY if name != "rules_applied")
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class FormatUnknown(errors.Invalid):
    """There is no export of this format."""

    code = "export_format_unknown"
    title = "There is no such format"


def as_record(row: Decision) -> dict[str, Any]:
    """Return a decision as an export tells it."""
    return {
        "decision_id": str(row.id),
        "decided_at": row.decided_at.isoformat().replace("+00:00", "Z"),
        "contract": row.contract,
        "contract_version": row.contract_version,
        "class": row.decision_class,
        "reasons": list(row.reasons),
        "confidence": row.confidence,
        "required_docs": list(row.required_docs),
        "rules": [rule["rule"] for rule in row.rules_applied],
        "subject": row.subject_ref,
        "environment": row.environment,
        "actor": row.actor,
        "trace_id": row.corr_id,
        "ledger_entry_id": str(row.ledger_entry_id),
        "duration_us": row.duration_us,
    }


def _cell(value: Any) -> str:
    text = " ".join(value) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv_line(cells: list[Any]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([_cell(cell) for cell in cells])
    return buffer.getvalue().encode()


def _encode(row: Decision, kind: str) -> bytes:
    record = as_record(row)
    if kind == "csv":
        return _csv_line([record[name] for name in COLUMNS])
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def begin(*, filters: Filters, kind: str) -> uuid.UUID:
    """Note that somebody exports these decisions; returns the export's id. Raises FormatUnknown."""
    if kind not in FORMATS:
        raise FormatUnknown(f"An export is one of {', '.join(FORMATS)}.")
    entry = ledger.append(
        kind="decision.export_started",
        payload={"format": kind, "filters": filters.as_json(), "columns": list(COLUMNS)},
        subject_type="decision_export",
    )
    return uuid.UUID(str(entry.id))


def stream(
    *, filters: Filters, kind: str, export_id: uuid.UUID, tenant_id: uuid.UUID, actor: str
) -> Iterator[bytes]:
    """Yield the export in pieces, each read in a short transaction of its own; to be consumed in no scope.

    The end is noted whether the reader stayed or left.
    """
    running, rows, is_whole = hashlib.sha256(), 0, False
    pieces = _pieces(filters, kind, tenant_id)
    try:
        with contextlib.closing(pieces):
            for count, data in pieces:
                running.update(data)
                rows += count
                yield data
        is_whole = True
    finally:
        with scope.tenant_scope(tenant_id), acting.acting(actor):
            ledger.append(
                kind="decision.export_ended",
                payload={"rows": rows, "sha256": running.hexdigest(), "is_whole": is_whole},
                subject_type="decision_export",
                subject_id=str(export_id),
            )


def _pieces(filters: Filters, kind: str, tenant_id: uuid.UUID) -> Generator[tuple[int, bytes], None, None]:
    if kind == "csv":
        # A spreadsheet takes UTF-8 for what it is only after this mark.
        yield 0, b"\xef\xbb\xbf" + _csv_line(list(COLUMNS))
    cursor: str | None = ""
    known: listing.Known | None = None
    while cursor is not None:
        with scope.tenant_scope(tenant_id):
            known = known or listing.known_patterns()
            page = listing.list_page(
                filters, cursor=cursor, limit=listing.MOST_ROWS, known=known, defer=_HEAVY
            )
        if page.rows:
            yield len(page.rows), b"".join(_encode(row, kind) for row in page.rows)
        cursor = page.next
