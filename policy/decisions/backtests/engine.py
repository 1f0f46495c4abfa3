"""Run a contract, and perhaps a second version of it, over a file of rows.

What must stay true: both engines give the same report. The columnar engine finds for every row which rules
hold, as one pattern, and lets the executor conclude each distinct pattern once; rows that could leave the
ground common to both engines (see ``columnar``) are decided by the row engine within the same run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import duckdb

from policy.decisions.backtests import columnar, metrics, sources
from policy.decisions.backtests.columnar import NotExpressible, quote
from policy.decisions.backtests.sources import MISFIT, Source
from policy.decisions.contracts.compiled import Compiled, InputInvalid
from policy.rules import conditions, executor

MOST_FLIPS, MOST_INVALID, PER_WORD, MOST_PATTERNS = 1_000, 20, 30, 200_000
Progress = Callable[[int], None]


def _no_progress(percent: int) -> None:
    """Take no notice."""


class _Count:
    """What a run gathers for one or two versions."""

    def __init__(self, compared: bool) -> None:
        self.tally, self.base = metrics.Tally(), metrics.Tally()
        self.compared = compared
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.flips: list[dict[str, Any]] = []

    def add(
        self,
        row: int | None,
        after: executor.Outcome,
        before: executor.Outcome | None,
        label: Any,
        count: int = 1,
    ) -> None:
        known = metrics.label_of(label)
        for tally, outcome in ((self.tally, after), (self.base, before)):
            if outcome is not None:
                tally.add(
                    outcome.decision_class,
                    known,
                    rules=[item.rule.name for item in outcome.applied],
                    not_evaluated=[item.rule.name for item, _ in outcome.skipped],
                    reasons=outcome.reasons,
                    count=count,
                )
        if before is not None and before.decision_class != after.decision_class:
            self.pairs[before.decision_class, after.decision_class] += count
            if row is not None:
                self.flip(row, after, before, known)

    def flip(self, row: int, after: executor.Outcome, before: executor.Outcome, label: int | None) -> None:
        if len(self.flips) < MOST_FLIPS:
            self.flips.append(
                {
                    "row": row,
                    "before": before.decision_class,
                    "after": after.decision_class,
                    "why": f"{_rules(before)} → {_rules(after)}",
                    "label": label,
                }
            )


def _rules(outcome: executor.Outcome) -> str:
    return ", ".join(item.rule.name for item in outcome.applied) or executor.NO_RULE_MATCHED


def decide_rows(
    pairs: Iterator[tuple[int, dict[str, Any], Any]],
    count: _Count,
    compiled: Compiled,
    baseline: Compiled | None,
) -> None:
    """Decide rows one by one into a count; a row that a contract refuses is invalid."""
    for number, row, label in pairs:
        try:
            if any(value is MISFIT for value in row.values()):
                raise InputInvalid("A value does not fit its type.")
            after = compiled.program.decide(compiled.check(row))
            before = baseline.program.decide(baseline.check(row)) if baseline else None
        except InputInvalid as error:
            count.tally.invalid += 1
            count.base.invalid += 1
            if len(count.tally.invalid_sample) < MOST_INVALID:
                count.tally.invalid_sample.append({"row": number, "errors": error.errors})
            continue
        count.add(number, after, before, label)


class _Version:
    """One contract as columns of SQL: words of packed verdicts, two bits a rule."""

    def __init__(self, compiled: Compiled, columns: Mapping[str, columnar.Column]) -> None:
        self.compiled = compiled
        self.translator = columnar.Translator(columns)
        self.parts = [self.translator.condition(item.node) for item in compiled.program.flat]
        self.outcomes: dict[tuple[int, ...], executor.Outcome] = {}

    def words(self, prefix: str) -> list[tuple[str, str]]:
        found = []
        for at in range(0, len(self.parts), PER_WORD):
            packed = " + ".join(
                f"(coalesce(({text})::UTINYINT, 2)::UBIGINT << {2 * place})"
                for place, text in enumerate(self.parts[at : at + PER_WORD])
            )
            found.append((f"{prefix}{at // PER_WORD}", packed))
        return found

    def outcome(self, pattern: tuple[int, ...]) -> executor.Outcome:
        found = self.outcomes.get(pattern)
        if found is None:
            found = self.outcomes[pattern] = self._conclude(pattern)
        return found

    def _conclude(self, pattern: tuple[int, ...]) -> executor.Outcome:
        program, at, results = self.compiled.program, 0, []
        for ordered in program.prepared:
            verdicts, stopped = [], False
            for condition in ordered:
                code = pattern[at // PER_WORD] >> (2 * (at % PER_WORD)) & 3
                at += 1
                if stopped:
                    continue
                truth = None if code == 2 else code == 1
                cause = conditions.MISSING_PREFIX + "a field" if truth is None else None
                verdicts.append(executor.Verdict(condition, truth, cause))
                stopped = bool(truth) and condition.rule.stop
            results.append(verdicts)
        return executor.conclude(results, program.checklist)


class _Columnar:
    """One columnar run."""

    def __init__(
        self, source: Source, label: str, versions: Sequence[_Version], columns: Mapping[str, columnar.Column]
    ) -> None:
        self.source, self.label, self.versions, self.columns = source, label, versions, columns
        self.database = duckdb.connect(config={"threads": 2})
        self.names = [
            (f"{'ab'[place]}{at}", text)
            for place, version in enumerate(versions)
            for at, (_name, text) in enumerate(version.words("w"))
        ]

    def load(self) -> None:
        """Read the file into a typed table: the columns, the label, whether the row fits."""
        scan, table = sources.scan_of(self.source, self.columns)
        if table is not None:
            self.database.register(scan, table)
        described = self.database.sql(f"DESCRIBE SELECT * FROM {scan}").fetchall()
        stored = {str(row[0]): str(row[1]) for row in described}
        typed, misfits = [], []
        for name, column in self.columns.items():
            text, wrong = f"NULL::{columnar.SQL_TYPES[column.type]}", "FALSE"
            if name in stored:
                text, wrong = sources.cell_of(self.source, column, stored[name])
            typed.append(f"{text} AS {column.sql}")
            if wrong != "FALSE":
                misfits.append(wrong)
        label = f"{quote(self.label)}::VARCHAR" if self.label in stored else "NULL::VARCHAR"
        self.database.execute(
            f"CREATE TEMP TABLE src AS SELECT {', '.join(typed)}, {label} AS __label, "
            f"coalesce({' OR '.join(misfits) or 'FALSE'}, TRUE) AS __misfit FROM {scan}"
        )

    def view(self) -> str:
        """Return the common table expressions: rows with cleaned columns, fit and hazard."""
        fits = " AND ".join(f"({columnar.validity(self.columns)})" for _ in self.versions[:1])
        wide = " OR ".join(version.translator.wide_hazard() for version in self.versions)
        hazard = " OR ".join(version.translator.hazard() for version in self.versions)
        clean = ", ".join(
            f"CASE WHEN {column.sql} BETWEEN {-columnar.LIMIT} AND {columnar.LIMIT} THEN {column.sql} END AS {column.sql}"
            if column.type in {"int", "double"}
            else column.sql
            for column in self.columns.values()
        )
        return (
            f"WITH c AS (SELECT rowid + 1 AS __row, __label, NOT __misfit AND ({fits}) AS __fits, "
            f"({wide}) AS __wide, {clean} FROM src), v AS (SELECT *, __wide OR ({hazard}) AS __hazard FROM c)"
        )

    def patterns(self) -> list[tuple[Any, ...]]:
        words = ", ".join(f"{text} AS {name}" for name, text in self.names)
        groups = ", ".join(name for name, _ in self.names)
        return self.database.execute(
            f"{self.view()} SELECT {groups}, __label, count(*), min(__row) FROM (SELECT {words}, __label, __row "
            f"FROM v WHERE __fits AND NOT __hazard) GROUP BY {groups}, __label LIMIT {MOST_PATTERNS + 1}"
        ).fetchall()

    def flipped_rows(self, combinations: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        groups = [name for name, _ in self.names]
        words = ", ".join(f"{text} AS {name}" for name, text in self.names)
        self.database.execute(f"CREATE TEMP TABLE flips ({', '.join(f'{name} UBIGINT' for name in groups)})")
        self.database.executemany(f"INSERT INTO flips VALUES ({', '.join('?' * len(groups))})", combinations)
        return self.database.execute(
            f"{self.view()} SELECT w.* FROM (SELECT __row, __label, {words} FROM v WHERE __fits AND NOT __hazard) w "
            f"JOIN flips USING ({', '.join(groups)}) ORDER BY __row LIMIT {MOST_FLIPS}"
        ).fetchall()

    def rest(self) -> Iterator[tuple[int, dict[str, Any], Any]]:
        """Return the rows that the row engine must see: hazards and misfits."""
        names = list(self.columns)
        raw = ", ".join(f"s.{quote(name)}" for name in names)
        cursor = self.database.execute(
            f"{self.view()} SELECT v.__row, s.__label, s.__misfit, {raw} FROM v JOIN src s ON s.rowid + 1 = v.__row "
            "WHERE NOT __fits OR __hazard ORDER BY v.__row"
        )
        while chunk := cursor.fetchmany(10_000):
            for number, label, misfit, *values in chunk:
                row = {name: value for name, value in zip(names, values, strict=True) if value is not None}
                yield number, {**row, "": MISFIT} if misfit else row, label


def _columns(versions: Sequence[Compiled]) -> dict[str, columnar.Column]:
    found = columnar.columns_of(versions[0].document.input_schema)
    for other in versions[1:]:
        if columnar.columns_of(other.document.input_schema) != found:
            raise NotExpressible("the two versions take different inputs")
    return found


def _run_columnar(
    source: Source, label: str, compiled: Sequence[Compiled], count: _Count, progress: Progress
) -> None:
    columns = _columns(compiled)
    run = _Columnar(source, label, [_Version(item, columns) for item in compiled], columns)
    run.load()
    progress(40)
    split = len(run.versions[0].words("w"))
    found = run.patterns()
    if len(found) > MOST_PATTERNS:
        raise NotExpressible("too many different patterns")
    flipped = {}
    for *words, row_label, rows, _first in found:
        after = run.versions[0].outcome(tuple(words[:split]))
        before = run.versions[1].outcome(tuple(words[split:])) if len(compiled) > 1 else None
        count.add(None, after, before, row_label, rows)
        if before is not None and before.decision_class != after.decision_class:
            flipped[tuple(words)] = (after, before)
    progress(80)
    decide_rows(run.rest(), count, compiled[0], compiled[1] if len(compiled) > 1 else None)
    if flipped:
        for number, row_label, *words in run.flipped_rows(list(flipped)):
            count.flip(number, *flipped[tuple(words)], metrics.label_of(row_label))
        count.flips.sort(key=lambda flip: flip["row"])


def evaluate(
    compiled: Compiled,
    source: Source,
    *,
    label_key: str = "",
    baseline: Compiled | None = None,
    engine: str = "auto",
    progress: Progress = _no_progress,
) -> dict[str, Any]:
    """Return the report of a contract over a file; ``engine`` is auto, columnar or rows.

    Raises SourceInvalid; NotExpressible only where ``engine`` is columnar.
    """
    label = label_key or compiled.document.label_key
    versions = [compiled, baseline] if baseline is not None else [compiled]
    used, reason, count = "columnar", "", _Count(baseline is not None)
    try:
        if engine == "rows":
            raise NotExpressible("asked for")
        _run_columnar(source, label, versions, count, progress)
    except (NotExpressible, sources.SourceInvalid, duckdb.Error) as error:
        if engine == "columnar":
            raise
        used, reason, count = "rows", str(error).splitlines()[0][:200], _Count(baseline is not None)
        found = sources.rows(source, compiled.document.input_schema, label)
        decide_rows(
            ((at, row, value) for at, (row, value) in enumerate(found, start=1)), count, compiled, baseline
        )
    progress(95)
    return _report(compiled, baseline, count, source, label, used, reason)


def _report(
    compiled: Compiled,
    baseline: Compiled | None,
    count: _Count,
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
            "flips": count.flips,
        }
    return report
