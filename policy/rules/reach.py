"""What each rule did on given inputs: hits, misses, what could not be evaluated, and what stood before it.

What must stay true: a rule that holds but is not asked, because an earlier one stopped, is counted as
shadowed by that one and not as a miss.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from policy.rules import executor
from policy.rules.compiling import Program

MOST_ROWS = 5_000


@dataclass(slots=True)
class Reach:
    """One rule over all rows."""

    ruleset: str
    rule: str
    hits: int = 0
    misses: int = 0
    not_evaluated: int = 0
    decided: int = 0
    shadowed: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        by, count = self.shadowed.most_common(1)[0] if self.shadowed else ("", 0)
        return {
            "ruleset": self.ruleset,
            "rule": self.rule,
            "hits": self.hits,
            "misses": self.misses,
            "not_evaluated": self.not_evaluated,
            "decided": self.decided,
            "shadowed": self.shadowed.total(),
            "shadowed_by": by,
            "shadowed_by_count": count,
        }


def measure(program: Program, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Decide every row and count; at most MOST_ROWS rows are looked at."""
    found = {id(item): Reach(item.ruleset, item.rule.name) for item in program.flat}
    total, unmatched, classes = 0, 0, Counter[str]()
    for row in rows:
        if total >= MOST_ROWS:
            break
        total += 1
        outcome = program.decide(row)
        classes[outcome.decision_class] += 1
        applied = {id(item) for item in outcome.applied}
        doubtful = {id(item) for item, _cause in outcome.skipped}
        unmatched += not applied
        for ordered in program.prepared:
            _count(ordered, applied, doubtful, found, row, program)
    rules = [found[id(item)].as_dict() for item in program.flat]
    reached = sum(1 for rule in rules if rule["hits"])
    return {
        "rows": total,
        "unmatched": unmatched,
        "classes": dict(classes),
        "coverage": round(reached / len(rules), 4) if rules else 0.0,
        "never_hit": [rule["rule"] for rule in rules if not rule["hits"]],
        "rules": rules,
    }


def _count(
    ordered: Iterable[Any],
    applied: set[int],
    doubtful: set[int],
    found: Mapping[int, Reach],
    row: Mapping[str, Any],
    program: Program,
) -> None:
    stopped = ""
    last: Reach | None = None
    for condition in ordered:
        reach = found[id(condition)]
        if stopped:
            if executor.judge(condition, row, program.scope).result:
                reach.shadowed[stopped] += 1
            else:
                reach.misses += 1
        elif id(condition) in applied:
            reach.hits += 1
            last = reach
            stopped = condition.rule.name if condition.rule.stop else ""
        elif id(condition) in doubtful:
            reach.not_evaluated += 1
        else:
            reach.misses += 1
    if last is not None:
        last.decided += 1
