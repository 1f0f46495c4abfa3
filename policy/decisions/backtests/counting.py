"""What a run gathers: tallies of one or two versions, the decisions that flip, the rows that are invalid.

What must stay true: samples are the first by row number, whichever engine found them in whatever order; the
counts cover every row, the lists up to their stated bounds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from policy.decisions.backtests import metrics, segments, sources
from policy.decisions.contracts.compiled import Compiled, InputInvalid
from policy.rules import executor

MOST_FLIPS, MOST_INVALID = 1_000, 20
KEPT_FLIPS, KEPT_INVALID = 200_000, 100_000
"""How many are kept for the downloads; a report shows the first of them."""


Flip = tuple[int, executor.Outcome, executor.Outcome, int | None]


class Count:
    """Counts and samples of a run."""

    def __init__(self, *, keep: int = MOST_FLIPS) -> None:
        self.keep = keep
        self.tally, self.base = metrics.Tally(), metrics.Tally()
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.flips: list[Flip] = []
        self.invalid: list[dict[str, Any]] = []
        self.cuts: list[segments.Cut] = []

    def add(
        self, after: executor.Outcome, before: executor.Outcome | None, label: int | None, count: int = 1
    ) -> None:
        """Count rows that share their outcomes and label."""
        _tally(self.tally, after, label, count)
        if before is not None:
            _tally(self.base, before, label, count)
            if before.decision_class != after.decision_class:
                self.pairs[before.decision_class, after.decision_class] += count

    def flip(self, row: int, after: executor.Outcome, before: executor.Outcome, label: int | None) -> None:
        """Keep a decision that flips."""
        if len(self.flips) < 2 * self.keep:
            self.flips.append((row, before, after, label))

    def refuse(self, row: int, problems: list[dict[str, str]]) -> None:
        """Count a row that no version takes."""
        self.tally.invalid += 1
        self.base.invalid += 1
        if len(self.invalid) < KEPT_INVALID:
            self.invalid.append({"row": row, "errors": problems})

    def settle(self) -> None:
        """Bring the samples into the order of the rows, within their bounds."""
        self.flips.sort(key=lambda flip: flip[0])
        del self.flips[self.keep :]
        self.invalid.sort(key=lambda item: item["row"])
        self.tally.invalid_sample = self.invalid[:MOST_INVALID]


def _tally(tally: metrics.Tally, outcome: executor.Outcome, label: int | None, count: int) -> None:
    tally.add(
        outcome.decision_class,
        label,
        rules=[item.rule.name for item in outcome.applied],
        not_evaluated=[item.rule.name for item, _ in outcome.skipped],
        reasons=outcome.reasons,
        count=count,
    )


def told(flip: Flip) -> dict[str, Any]:
    """Return a flip as a report shows it."""
    row, before, after, label = flip
    classes = {"before": before.decision_class, "after": after.decision_class}
    return {"row": row, **classes, "why": why(before, after), "label": label}


def why(before: executor.Outcome, after: executor.Outcome) -> str:
    """Return the rules that applied before and after."""
    return f"{rules_of(before)} → {rules_of(after)}"


def rules_of(outcome: executor.Outcome) -> str:
    """Return the names of the rules that applied."""
    return ", ".join(item.rule.name for item in outcome.applied) or executor.NO_RULE_MATCHED


def decide_rows(
    found: Iterable[tuple[int, dict[str, Any], Any]], count: Count, versions: Sequence[Compiled]
) -> None:
    """Decide rows one by one into a count; a row that a contract refuses is invalid."""
    compiled, baseline = versions[0], versions[1] if len(versions) > 1 else None
    for number, row, given in found:
        if wrong := sources.misfits(row):
            count.refuse(number, wrong)
            continue
        try:
            data = compiled.check(row)
            after = compiled.program.decide(data)
            before = baseline.program.decide(baseline.check(row)) if baseline else None
        except InputInvalid as error:
            count.refuse(number, error.errors or [])
            continue
        label = metrics.label_of(given)
        count.add(after, before, label)
        for cut in count.cuts:
            code = cut.axis.code_of(data.get(cut.axis.field))
            cut.add(code, after.decision_class, before.decision_class if before else "", label)
        if before is not None and before.decision_class != after.decision_class:
            count.flip(number, after, before, label)
