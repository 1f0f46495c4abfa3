"""Run a contract, and perhaps a second version of it, over rows.

What must stay true: both engines give the same report. The columnar engine finds for every row which rules
hold, as one pattern, in one pass over the columns, and lets the executor conclude each distinct pattern once;
rows that could leave the ground common to both engines (see ``columnar``) are decided by the row engine
within the same run. A row is known by its number in the source and never by the order of an answer.
"""

from __future__ import annotations

import heapq
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from policy.decisions.backtests import columnar, columns, counting, metrics, patterns, segments, sources
from policy.decisions.backtests.columnar import NotExpressible
from policy.decisions.backtests.counting import Count
from policy.decisions.backtests.sources import Source
from policy.decisions.contracts.compiled import Compiled

MOST_PATTERNS, BATCH = 200_000, 10_000
_CODES: tuple[int | None, ...] = (0, 1, None)
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The report of a run, and what its downloads are made of."""

    report: dict[str, Any]
    flips: list[counting.Flip] = field(default_factory=list)
    invalid: list[dict[str, Any]] = field(default_factory=list)


def _no_progress(percent: int) -> None:
    """Take no notice."""


def _label_sql(kind: pa.DataType) -> str:
    """Return the code of the label: 0, 1, or 2 for none; as ``metrics.label_of`` reads it."""
    name = f'"{columns.LABEL}"'
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return f"CASE {name} WHEN 1 THEN 1 WHEN 0 THEN 0 ELSE 2 END"
    if pa.types.is_boolean(kind):
        return f"CASE {name} WHEN TRUE THEN 1 WHEN FALSE THEN 0 ELSE 2 END"
    text = f"lower(trim({name}::VARCHAR, E' \\t\\n\\r\\x0b\\x0c'))"
    good, bad = (", ".join(map(columnar.literal, words)) for words in (metrics.GOOD, metrics.BAD))
    return f"CASE WHEN {text} IN ({good}) THEN 1 WHEN {text} IN ({bad}) THEN 0 ELSE 2 END"


class _Run:
    """One columnar run."""

    def __init__(
        self,
        loaded: columns.Loaded,
        slots: patterns.Slots,
        fields: Mapping[str, columnar.Column],
        axes: Sequence[segments.Axis],
    ) -> None:
        self.loaded, self.slots, self.fields, self.axes = loaded, slots, fields, axes
        # Nothing but what is registered can be read: names of files inside rules or rows stay text.
        self.database = duckdb.connect(
            config={"threads": os.cpu_count() or 1, "enable_external_access": "false"}
        )
        self.database.register("source", loaded.table)
        self.words = [f"w{at}" for at in range(len(slots.words()))]

    def pack(self) -> None:
        """Give every row its pattern: the one pass over the columns."""
        known = columns.facts_of(self.loaded.table, self.fields)
        translator = self.slots.translator
        fits, wide = columnar.validity(self.fields, known), translator.wide_hazard(known)
        clean = translator.cleaned(known)
        label = _label_sql(self.loaded.table.schema.field(columns.LABEL).type)
        ok = f"__ok AND NOT ({translator.hazard()})"
        first, *others = self.slots.words()
        none = f"{patterns.LEFT_OVER}::UBIGINT << {patterns.BITS}"
        packed = [f"CASE WHEN {ok} THEN {first} | (__code << {patterns.BITS}) ELSE {none} END AS w0"]
        packed += [
            f"CASE WHEN {ok} THEN {text} ELSE 0 END AS w{at}" for at, text in enumerate(others, start=1)
        ]
        cut = [f"({axis.sql()})::UTINYINT AS s{at}" for at, axis in enumerate(self.axes)]
        packed += [f"s{at}" for at in range(len(cut))]
        clean = ", ".join([*([clean] if clean else []), *cut])
        self.database.execute(
            f"CREATE TEMP TABLE packed AS SELECT __row, {', '.join(packed)} FROM ("
            f'SELECT "{columns.ROW}" AS __row, ({fits}) AND NOT ({wide}) AS __ok, '
            f"({label})::UBIGINT AS __code{', ' + clean if clean else ''} FROM source)"
        )

    def patterns(self) -> list[tuple[int, ...]]:
        """Return each pattern with how many rows have it; raises NotExpressible where there are too many."""
        found = self.database.execute(
            f"SELECT {', '.join(self.words)}, count(*) FROM packed GROUP BY ALL LIMIT {MOST_PATTERNS + 1}"
        ).fetchall()
        if len(found) > MOST_PATTERNS:
            raise NotExpressible("too many different patterns")
        return found

    def cells(
        self, verdicts: Mapping[tuple[int, ...], segments.Verdict]
    ) -> Iterator[tuple[int, segments.Cell, int]]:
        """Return the counts of each segment of each axis; ``verdicts`` says what a pattern leads to."""
        distinct = list(dict.fromkeys(verdicts.values()))
        place = {verdict: at for at, verdict in enumerate(distinct)}
        held = [pa.array(column, pa.uint64()) for column in zip(*verdicts, strict=True)]
        held.append(pa.array([place[verdict] for verdict in verdicts.values()], pa.int32()))
        self.database.register("verdicts", pa.table(held, names=[*self.words, "verdict"]))
        for at in range(len(self.axes)):
            found = self.database.execute(
                f"SELECT s{at}, verdict, count(*) FROM packed JOIN verdicts USING ({', '.join(self.words)}) "
                "GROUP BY ALL"
            ).fetchall()
            for code, verdict, rows in found:
                yield at, (code, *distinct[verdict]), rows

    def rows_of(self, wanted: Sequence[tuple[int, ...]], limit: int) -> Iterator[tuple[int, ...]]:
        """Return number and pattern of the first rows that have one of these patterns."""
        held = [pa.array(column, pa.uint64()) for column in zip(*wanted, strict=True)]
        self.database.register("wanted", pa.table(held, names=self.words))
        names = ", ".join(self.words)
        found = self.database.execute(
            f"SELECT __row, {names} FROM packed SEMI JOIN wanted USING ({names}) ORDER BY __row LIMIT {limit}"
        )
        while chunk := found.fetchmany(BATCH):
            yield from chunk

    def left_over(self) -> Iterator[columns.Odd]:
        """Return the rows that the row engine must see, by number."""
        return heapq.merge(self._left_over(), self.loaded.odd, key=lambda item: item[0])

    def _left_over(self) -> Iterator[columns.Odd]:
        numbers = self.database.execute(
            f"SELECT __row FROM packed WHERE w0 >> {patterns.BITS} = {patterns.LEFT_OVER} ORDER BY __row"
        ).fetchall()
        if not numbers:
            return
        wanted = pa.array([number for (number,) in numbers], pa.int64())
        chosen = self.loaded.table.filter(pc.is_in(self.loaded.table[columns.ROW], wanted))
        for batch in chosen.sort_by(columns.ROW).to_batches(max_chunksize=BATCH):
            for item in batch.to_pylist():
                label, number = item.pop(columns.LABEL), item.pop(columns.ROW)
                yield number, {name: value for name, value in item.items() if value is not None}, label


def _columns(versions: Sequence[Compiled]) -> dict[str, columnar.Column]:
    found = columnar.columns_of(versions[0].document.input_schema)
    for other in versions[1:]:
        if columnar.columns_of(other.document.input_schema) != found:
            raise NotExpressible("the two versions take different inputs")
    if {columns.ROW, columns.LABEL} & found.keys():
        raise NotExpressible("a field has a reserved name")
    return found


def _axes(loaded: columns.Loaded, cut: Mapping[str, str]) -> list[segments.Axis]:
    found = []
    for name, kind in cut.items():
        beside = (row.get(name) for _number, row, _label in loaded.odd)
        found.append(segments.axis_of(name, kind, loaded.table[name], beside))
    return [axis for axis in found if axis is not None]


def _run_columnar(
    source: Source,
    label: str,
    versions: Sequence[Compiled],
    cut: Mapping[str, str],
    count: Count,
    progress: Progress,
) -> None:
    fields = _columns(versions)
    slots = patterns.Slots(versions, fields)
    loaded = columns.load(source, fields, label)
    progress(40)
    count.cuts = [segments.Cut(axis) for axis in _axes(loaded, cut)]
    run = _Run(loaded, slots, fields, [held.axis for held in count.cuts])
    run.pack()
    progress(60)
    _judge(run, slots, count)
    progress(80)
    counting.decide_rows(run.left_over(), count, versions)


def _judge(run: _Run, slots: patterns.Slots, count: Count) -> None:
    """Let the executor conclude each pattern, and count what it leads to."""
    after, before = slots.versions[0], slots.versions[1] if len(slots.versions) > 1 else None
    # Many patterns differ only behind a rule that stops: what they lead to is counted once.
    totals: dict[tuple[int, int, int | None], int] = defaultdict(int)
    outcomes = {}
    flipped: dict[tuple[int, ...], tuple[Any, Any, int | None]] = {}
    verdicts: dict[tuple[int, ...], segments.Verdict] = {}
    for *words, rows in run.patterns():
        code, pattern = patterns.joined(words)
        if code == patterns.LEFT_OVER:
            continue
        label, now = _CODES[code], after.outcome(pattern)
        then = before.outcome(pattern) if before is not None else None
        key = (id(now), id(then), label)
        outcomes[key] = (now, then)
        totals[key] += rows
        verdicts[tuple(words)] = (now.decision_class, then.decision_class if then else "", label)
        if then is not None and then.decision_class != now.decision_class:
            flipped[tuple(words)] = (now, then, label)
    for key, rows in totals.items():
        count.add(*outcomes[key], key[2], rows)
    if count.cuts and verdicts:
        for at, cell, rows in run.cells(verdicts):
            count.cuts[at].cells[cell] += rows
    if flipped:
        for number, *words in run.rows_of(list(flipped), count.keep):
            count.flip(number, *flipped[tuple(words)])


def _run_rows(
    source: Source, label: str, versions: Sequence[Compiled], cut: Mapping[str, str], count: Count
) -> None:
    schema = versions[0].document.input_schema
    if cut:
        values: dict[str, list[Any]] = {name: [] for name in cut}
        for row, _label in sources.rows(source, schema, label):
            for name, held in values.items():
                held.append(row.get(name))
        axes = [segments.axis_of(name, kind, pa.nulls(0), values[name]) for name, kind in cut.items()]
        count.cuts = [segments.Cut(axis) for axis in axes if axis is not None]
    found = sources.rows(source, schema, label)
    numbered = ((at, row, value) for at, (row, value) in enumerate(found, start=1))
    counting.decide_rows(numbered, count, versions)


def evaluate(
    compiled: Compiled,
    source: Source,
    *,
    label_key: str = "",
    baseline: Compiled | None = None,
    engine: str = "auto",
    progress: Progress = _no_progress,
) -> dict[str, Any]:
    """Return the report of a contract over rows, as ``run`` makes it."""
    return run(
        compiled, source, label_key=label_key, baseline=baseline, engine=engine, progress=progress
    ).report


def run(
    compiled: Compiled,
    source: Source,
    *,
    label_key: str = "",
    baseline: Compiled | None = None,
    engine: str = "auto",
    cut_by: Sequence[str] | None = (),
    keep_flips: int = counting.MOST_FLIPS,
    progress: Progress = _no_progress,
) -> Evaluation:
    """Evaluate a contract over rows; ``engine`` is auto, columnar or rows.

    ``cut_by`` names the fields whose segments are counted too; None takes all plain ones. Raises
    SourceInvalid; NotExpressible only where ``engine`` is columnar.
    """
    label = label_key or compiled.document.label_key
    versions = [compiled, baseline] if baseline is not None else [compiled]
    cut = segments.fields_of(compiled.document.input_schema, label, cut_by)
    used, reason, count = "columnar", "", Count(keep=keep_flips)
    try:
        if engine == "rows":
            raise NotExpressible("asked for")
        _run_columnar(source, label, versions, cut, count, progress)
    except (NotExpressible, sources.SourceInvalid, duckdb.Error) as error:
        if engine == "columnar":
            raise
        used, reason, count = "rows", (str(error).splitlines() or [""])[0][:200], Count(keep=keep_flips)
        _run_rows(source, label, versions, cut, count)
    count.settle()
    progress(95)
    report = _report(compiled, baseline, count, source, label, used, reason)
    return Evaluation(report, count.flips, count.invalid)


def _report(
    compiled: Compiled,
    baseline: Compiled | None,
    count: Count,
    source: Source,
    label: str,
    used: str,
    reason: str,
) -> dict[str, Any]:
    measured = metrics.summarise(count.tally, [item.rule.name for item in compiled.program.flat])
    report: dict[str, Any] = {
        "contract": compiled.document.name,
        "version": compiled.document.version,
        "versions": compiled.versions,
        "source": source.name or source.kind,
        "label_key": label,
        "engine": used,
        "engine_reason": reason,
        "metrics": measured,
        "invalid_sample": count.tally.invalid_sample,
        "segments": [cut.summary() for cut in count.cuts],
        "comparison": None,
    }
    if baseline is not None:
        other = metrics.summarise(count.base, [item.rule.name for item in baseline.program.flat])
        report["comparison"] = {
            "version": baseline.document.version,
            "metrics": other,
            "difference": metrics.compare(other, measured),
            "flipped": sum(count.pairs.values()),
            "pairs": [
                {"before": before, "after": after, "count": amount}
                for (before, after), amount in sorted(count.pairs.items())
            ],
            "flips": [counting.told(flip) for flip in count.flips[: counting.MOST_FLIPS]],
        }
    return report
