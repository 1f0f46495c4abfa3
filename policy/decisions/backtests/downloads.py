"""What may be downloaded of a finished evaluation: every decision that flips, every row that is invalid.

What must stay true: no value of a row is in either file, only its number (or the decision's id), what was
decided and why; at rest both are sealed; what a spreadsheet would take for a formula is written as text.
"""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from decisionos.kernel import encryption
from policy.decisions.backtests import counting, sources
from policy.decisions.backtests.sources import Source

CONTEXTS = {
    "flips": b"policy_decisions_backtest.flips",
    "bad_rows": b"policy_decisions_backtest.bad_rows",
}
_RISKY = ("=", "+", "-", "@", "\t", "\r")


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_RISKY) else value


def _csv(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_safe(value) for value in row] for row in rows)
    return text.getvalue().encode()


def flips_csv(flips: Sequence[counting.Flip], names: Sequence[str]) -> bytes:
    """Return the decisions that flip; ``names`` are what the rows are called, where they have names."""
    head = [
        "row",
        *(["decision_id"] if names else []),
        "before",
        "after",
        "rules_before",
        "rules_after",
        "label",
    ]
    return _csv(
        head,
        (
            [
                row,
                *([names[row - 1]] if names else []),
                before.decision_class,
                after.decision_class,
                counting.rules_of(before),
                counting.rules_of(after),
                "" if label is None else label,
            ]
            for row, before, after, label in flips
        ),
    )


def bad_rows_csv(invalid: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the rows that no version takes, one line for each thing that is wrong."""
    rows = []
    for item in invalid:
        where = [item["row"], item.get("line", ""), item.get("decision_id", "")]
        rows += [
            [*where, error.get("pointer", ""), error.get("message", "")]
            for error in item["errors"] or [{"message": "does not fit the contract"}]
        ]
    return _csv(["row", "line", "decision_id", "field", "problem"], rows)


def seal(kind: str, content: bytes) -> bytes:
    """Return a download as it is stored."""
    return encryption.seal(zlib.compress(content, 6), context=CONTEXTS[kind])


def opened(kind: str, stored: bytes) -> bytes:
    """Return a stored download; raises SealBroken."""
    return zlib.decompress(encryption.open_sealed(stored, context=CONTEXTS[kind]))


def locate(source: Source, invalid: Sequence[dict[str, Any]]) -> None:
    """Note the line of each invalid row in its file, or the decision that it was."""
    if not invalid:
        return
    if source.ids is not None:
        names = source.ids()
        for item in invalid:
            item["decision_id"] = names[item["row"] - 1]
        return
    wanted = {item["row"]: item for item in invalid}
    for number, line in enumerate(_lines(source), start=1):
        if number in wanted:
            wanted[number]["line"] = line
            del wanted[number]
            if not wanted:
                return


def _lines(source: Source) -> Iterable[int]:
    """Return the line on which each row begins."""
    if source.kind == "csv":
        last = 1
        dialect = sources.dialect_of(source.path)
        for line, cells in sources.csv_cells(source.path, dialect):
            yield max(last + 1, line - sum(cell.count("\n") for cell in cells))
            last = line
    elif source.kind == "jsonl":
        with source.path.open("rb") as handle:
            for number, text in enumerate(handle, start=1):
                if text.strip():
                    yield number
