"""Figures by segment: the rows of each value of a field, numbers in buckets.

What must stay true: the edges of buckets and the words of segments depend on the rows alone and not on the
engine that reads them; a row is in exactly one segment of each field.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from policy.decisions.backtests import metrics, sources
from policy.decisions.backtests.columnar import literal, quote

BUCKETS, MOST_WORDS, MOST_DISTINCT, DIGITS, MOST_FIELDS = 8, 12, 2_000, 3, 20
OTHER, NONE = 254, 255
Verdict = tuple[str, str, int | None]
"""Class after, class before (or empty), label."""
Cell = tuple[int, str, str, int | None]
"""Segment, and the verdict of its rows."""


@dataclass(frozen=True, slots=True)
class Axis:
    """How the rows fall into the segments of one field."""

    field: str
    kind: str
    edges: tuple[float, ...] = ()
    words: tuple[Any, ...] = ()

    def code_of(self, value: Any) -> int:
        """Return the segment of a value."""
        if value is None or isinstance(value, sources.Misfit):
            return NONE
        if self.kind in {"int", "double"}:
            return bisect.bisect_right(self.edges, value)
        return self.words.index(value) if value in self.words else OTHER

    def sql(self) -> str:
        """Return the segment of a column's value."""
        name = quote(self.field)
        if self.kind in {"int", "double"}:
            parts = " + ".join(f"({name} >= {literal(edge)})::UTINYINT" for edge in self.edges) or "0"
            return f"CASE WHEN {name} IS NULL THEN {NONE} ELSE {parts} END"
        cases = " ".join(f"WHEN {literal(word)} THEN {at}" for at, word in enumerate(self.words))
        chosen = f"CASE {name} {cases} ELSE {OTHER} END" if cases else str(OTHER)
        return f"CASE WHEN {name} IS NULL THEN {NONE} ELSE {chosen} END"

    def name_of(self, code: int) -> str:
        """Return what a segment is called."""
        if code in {OTHER, NONE}:
            return "other" if code == OTHER else "absent"
        if self.kind == "bool":
            return "yes" if self.words[code] else "no"
        if self.kind == "string":
            return str(self.words[code]) or "(empty)"
        if not self.edges:
            return "all"
        if code == 0:
            return f"< {shown(self.edges[0])}"
        if code == len(self.edges):
            return f"≥ {shown(self.edges[-1])}"
        return f"{shown(self.edges[code - 1])} – {shown(self.edges[code])}"


def shown(value: float) -> str:
    """Return a number of an edge as text."""
    return f"{int(value):,}" if float(value).is_integer() else f"{value:g}"


def axis_of(name: str, kind: str, values: Any, others: Iterable[Any] = ()) -> Axis | None:
    """Return the axis of a field over its values (an Arrow array, and others beside it); None without any."""
    beside = [item for item in others if not isinstance(item, sources.Misfit) and item is not None]
    if kind == "bool":
        return Axis(name, kind, words=(False, True))
    if kind == "string":
        return _words(name, values, [item for item in beside if isinstance(item, str)])
    numbers = pc.drop_null(pc.cast(values, pa.float64()))  # as a table holds them: finite
    more = [float(item) for item in beside if isinstance(item, int | float) and not isinstance(item, bool)]
    if more:
        chunks = numbers.chunks if isinstance(numbers, pa.ChunkedArray) else [numbers]
        numbers = pa.chunked_array([*chunks, pa.array(more, pa.float64())])
    if not len(numbers):
        return None
    cuts = [step / BUCKETS for step in range(1, BUCKETS)]
    found = pc.quantile(numbers, q=cuts, interpolation="lower").to_pylist()
    least = pc.min(numbers).as_py()
    edges = sorted({_round(value, kind) for value in found})
    return Axis(name, kind, edges=tuple(edge for edge in edges if edge > least))


def _round(value: float, kind: str) -> float:
    rounded = float(f"{value:.{DIGITS}g}")
    return round(rounded) if kind == "int" else rounded


def _words(name: str, values: Any, beside: list[str]) -> Axis | None:
    counts: Counter[str] = Counter(beside)
    for item in pc.value_counts(values).to_pylist() if len(values) else []:
        if item["values"] is not None:
            counts[item["values"]] += item["counts"]
        if len(counts) > MOST_DISTINCT:
            break
    if len(counts) > MOST_DISTINCT:
        return None
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return Axis(name, "string", words=tuple(word for word, _ in ordered[:MOST_WORDS])) if ordered else None


def fields_of(schema: Mapping[str, Any], label: str, wanted: Sequence[str] | None) -> dict[str, str]:
    """Return the plain fields to cut by, each with its type; all, up to a bound, where None is wanted."""
    plain = {"integer", "number", "boolean", "string"}
    kinds = sources.kinds_of(schema)
    found = {
        name: kinds[name]
        for name, spec in schema.get("properties", {}).items()
        if isinstance(spec, dict) and spec.get("type") in plain and name != label
    }
    if wanted is None:
        return dict(list(found.items())[:MOST_FIELDS])
    return {name: found[name] for name in wanted if name in found}


@dataclass(slots=True)
class Cut:
    """The counts of one axis."""

    axis: Axis
    cells: Counter[Cell] = field(default_factory=Counter)

    def add(self, code: int, after: str, before: str, label: int | None, count: int = 1) -> None:
        """Count rows of one segment."""
        self.cells[code, after, before, label] += count

    def summary(self) -> dict[str, Any]:
        """Return the figures of every segment, in the order of the axis."""
        codes = sorted({code for code, *_ in self.cells})
        return {
            "field": self.axis.field,
            "kind": self.axis.kind,
            "segments": [{"name": self.axis.name_of(code), **self._figures(code)} for code in codes],
        }

    def _figures(self, code: int) -> dict[str, Any]:
        now, then, flipped = metrics.Tally(), metrics.Tally(), 0
        compared = False
        for (segment, after, before, label), count in self.cells.items():
            if segment == code:
                now.add(after, label, count=count)
                if before:
                    compared = True
                    then.add(before, label, count=count)
                    flipped += count if before != after else 0
        found = _rates(now)
        return {**found, "before": _rates(then), "flipped": flipped} if compared else found


def _rates(tally: metrics.Tally) -> dict[str, Any]:
    whole = metrics.summarise(tally)
    names = ("rows", "labelled", "classes", "reject_precision", "recall", "review_rate", "approval_rate")
    return {name: whole[name] for name in (*names, "bad_rate_of_approved")}
