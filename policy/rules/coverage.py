"""Which rules ever fire on given rows, and which rows no rule spoke to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from policy.rules import executor
from policy.rules.compiling import Program


@dataclass(frozen=True, slots=True)
class RuleCoverage:
    """What one rule did over all rows."""

    ruleset: str
    rule: str
    hits: int
    misses: int
    not_evaluated: int


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """Rules hit at least once, the shares of rules with priority, stop and class, and unmatched rows."""

    rows: int
    rules: tuple[RuleCoverage, ...]
    unmatched_rows: tuple[int, ...]
    priority_share: float
    stop_share: float
    class_share: float

    @property
    def coverage(self) -> float:
        """Return the share of rules that were hit at least once."""
        return round(sum(rule.hits > 0 for rule in self.rules) / len(self.rules), 4) if self.rules else 0.0

    @property
    def never_hit(self) -> tuple[str, ...]:
        """Return the names of rules that were never hit."""
        return tuple(rule.rule for rule in self.rules if not rule.hits)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {**asdict(self), "coverage": self.coverage, "never_hit": list(self.never_hit)}


def measure(program: Program, rows: Iterable[Mapping[str, Any]]) -> CoverageReport:
    """Decide every row and count. Rules behind a `stop` count as missed for that row."""
    hits = dict.fromkeys(map(id, program.flat), 0)
    doubts = dict.fromkeys(map(id, program.flat), 0)
    unmatched: list[int] = []
    total = 0
    for place, row in enumerate(rows):
        outcome = program.decide(row)
        total += 1
        for condition in outcome.applied:
            hits[id(condition)] += 1
        for condition, _ in outcome.skipped:
            doubts[id(condition)] += 1
        if executor.NO_RULE_MATCHED in outcome.reasons or not outcome.applied:
            unmatched.append(place)
    rules = [item.rule for item in program.flat]
    count = len(rules) or 1
    return CoverageReport(
        rows=total,
        rules=tuple(
            RuleCoverage(
                item.ruleset,
                item.rule.name,
                hits[id(item)],
                total - hits[id(item)] - doubts[id(item)],
                doubts[id(item)],
            )
            for item in program.flat
        ),
        unmatched_rows=tuple(unmatched),
        priority_share=round(sum(rule.priority != 0 for rule in rules) / count, 4),
        stop_share=round(sum(rule.stop for rule in rules) / count, 4),
        class_share=round(sum(bool(rule.action.decision_class) for rule in rules) / count, 4),
    )
