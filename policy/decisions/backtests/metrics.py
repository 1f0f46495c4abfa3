"""How good the decisions would have been: the formulas of the evaluation, on counts.

What must stay true: a figure whose denominator is zero is None, never 0 or 1; an unlabelled row counts
for the rates over all rows and for nothing that needs a label. Label 0 is bad, 1 is good.

- reject precision = rejects with label 0 / rejects with a label
- recall = rejects with label 0 / all rows with label 0
- review rate = reviews / all decided rows
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

CLASSES = ("approve", "review", "reject")
LEAST_PRECISION, MOST_REVIEW = 0.80, 0.60
GOOD, BAD = ("1", "1.0", "true", "good"), ("0", "0.0", "false", "bad")


@dataclass(slots=True)
class Tally:
    """Counts by class and label, and by rule."""

    cells: Counter[tuple[str, int | None]] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    bad_hits: Counter[str] = field(default_factory=Counter)
    labelled_hits: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    invalid: int = 0
    invalid_sample: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self,
        decision_class: str,
        label: int | None,
        *,
        rules: Iterable[str] = (),
        not_evaluated: Iterable[str] = (),
        reasons: Iterable[str] = (),
        count: int = 1,
    ) -> None:
        """Count decided rows that share class, label and rules."""
        self.cells[decision_class, label] += count
        for rule in rules:
            self.hits[rule] += count
            if label is not None:
                self.labelled_hits[rule] += count
            if label == 0:
                self.bad_hits[rule] += count
        for rule in not_evaluated:
            self.skipped[rule] += count
        for reason in reasons:
            self.reasons[reason] += count

    @property
    def rows(self) -> int:
        """Return how many rows were decided."""
        return sum(self.cells.values())


def label_of(value: Any) -> int | None:
    """Return 0, 1 or None of what a label column holds."""
    text = str(value).strip().lower()
    if text in GOOD:
        return 1
    if text in BAD:
        return 0
    return None


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def summarise(tally: Tally, rules: Iterable[str] = ()) -> dict[str, Any]:
    """Return the metrics of a tally; ``rules`` names every rule, so that one never hit is shown."""
    by_class: Counter[str] = Counter()
    for (decision_class, _label), count in tally.cells.items():
        by_class[decision_class] += count
    rejects_bad = tally.cells["reject", 0]
    rejects_labelled = rejects_bad + tally.cells["reject", 1]
    bad = sum(count for (_class, label), count in tally.cells.items() if label == 0)
    good = sum(count for (_class, label), count in tally.cells.items() if label == 1)
    rows = tally.rows
    precision, review_rate = _ratio(rejects_bad, rejects_labelled), _ratio(by_class["review"], rows)
    names = list(dict.fromkeys([*rules, *sorted(tally.hits)]))
    hit = sum(1 for name in names if tally.hits[name])
    return {
        "rows": rows,
        "invalid": tally.invalid,
        "labelled": bad + good,
        "classes": {name: by_class[name] for name in (*CLASSES, *sorted(set(by_class) - set(CLASSES)))},
        "reject_precision": precision,
        "recall": _ratio(rejects_bad, bad),
        "review_rate": review_rate,
        "approval_rate": _ratio(by_class["approve"], rows),
        "bad_rate_of_approved": _ratio(
            tally.cells["approve", 0], tally.cells["approve", 0] + tally.cells["approve", 1]
        ),
        "confusion": [
            {"label": label, **{name: tally.cells[name, label] for name in CLASSES}} for label in (0, 1, None)
        ],
        "rules": [
            {
                "rule": name,
                "hits": tally.hits[name],
                "share": _ratio(tally.hits[name], rows),
                "bad_share": _ratio(tally.bad_hits[name], tally.labelled_hits[name]),
                "not_evaluated": tally.skipped[name],
            }
            for name in names
        ],
        "rule_coverage": _ratio(hit, len(names)),
        "reasons": [{"reason": name, "count": count} for name, count in sorted(tally.reasons.items())],
        "guard": guard(precision, review_rate),
    }


def guard(precision: float | None, review_rate: float | None) -> dict[str, Any]:
    """Return whether the regression guard holds: precision at least 0.80, review rate at most 0.60."""
    failed = []
    if precision is not None and precision < LEAST_PRECISION:
        failed.append("reject_precision")
    if review_rate is not None and review_rate > MOST_REVIEW:
        failed.append("review_rate")
    return {"passed": not failed, "failed": failed}


def compare(base: Mapping[str, Any], candidate: Mapping[str, Any]) -> dict[str, Any]:
    """Return candidate minus base for every rate that both have."""
    rates = ("reject_precision", "recall", "review_rate", "approval_rate", "bad_rate_of_approved")
    return {
        rate: round(candidate[rate] - base[rate], 4)
        if base.get(rate) is not None and candidate.get(rate) is not None
        else None
        for rate in rates
    }
