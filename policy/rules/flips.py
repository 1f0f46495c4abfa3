"""The nearest single change of the input that would have changed the decision.

Candidates come from the rules themselves: for a comparison of numbers the value of the field at which both
sides are equal, and the next ones on either side; for text and booleans the constants and the contract's
list. Each is tried on the compiled function, so that a flip that is reported is a flip that happens. What
must stay true: a candidate never leaves the contract's bounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from policy.rules import boxes, conditions, executor
from policy.rules.cel import types
from policy.rules.cel.ast import Literal, walk
from policy.rules.compiling import Program


@dataclass(frozen=True, slots=True)
class Flip:
    """One change, what it leads to, and how large it is relative to the present value."""

    path: str
    present: Any
    proposed: Any
    change: float
    decision_class: str
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the flip as plain data."""
        return asdict(self)


def find_flips(program: Program, data: Mapping[str, Any], *, towards: str | None = None) -> list[Flip]:
    """Return for each field its smallest change that flips the decision, the smallest of all first.

    With `towards` only flips into that class count.
    """
    present = program.decide(data)
    best: dict[str, Flip] = {}
    for path, value in _candidates(program, data):
        old = conditions.value_at(data, path)
        size = _change(old, value)
        if (path in best and best[path].change <= size) or not size:
            continue
        outcome = program.decide(changed(data, path, value))
        if _flips(present, outcome, towards):
            shown = None if old is conditions.MISSING else old
            best[path] = Flip(path, shown, value, size, outcome.decision_class, outcome.reasons)
    return sorted(best.values(), key=lambda flip: (flip.change, flip.path))


def nearest_flip(program: Program, data: Mapping[str, Any], *, towards: str | None = None) -> Flip | None:
    """Return the smallest single-field change that flips the decision, or None."""
    found = find_flips(program, data, towards=towards)
    return found[0] if found else None


def _flips(present: executor.Outcome, outcome: executor.Outcome, towards: str | None) -> bool:
    if outcome.decision_class == present.decision_class:
        return False
    return towards is None or outcome.decision_class == towards


def _change(old: Any, new: Any) -> float:
    """Return the relative change; another text, another truth or a value that was absent is a whole one."""
    numbers = all(isinstance(item, int | float) and not isinstance(item, bool) for item in (old, new))
    if not numbers:
        return 0.0 if type(old) is type(new) and old == new else 1.0
    return float(abs(new - old) / (abs(old) or 1.0))


def changed(data: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy of the input with one field set."""
    step, _, rest = path.partition(".")
    inner = data.get(step)
    below = inner if isinstance(inner, Mapping) else {}
    return {**data, step: changed(below, rest, value) if rest else value}


def _candidates(program: Program, data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    scope = program.scope
    for condition in program.flat:
        for path in condition.paths:
            fields = scope.fields(path)
            kind = fields[-1].type if fields else None
            allowed = boxes.domain(scope, path)
            values: list[Any] = []
            if kind in (types.INT, types.DOUBLE):
                whole = kind == types.INT
                for comparison in condition.comparisons:
                    values += _crossings(comparison, data, path, scope, whole=whole)
                values += _named(condition, int if whole else float)
            elif kind == types.BOOL:
                values = [True, False]
            elif kind == types.STRING:
                values = [*_named(condition, str), *sorted(map(str, allowed.allowed or ())), "other"]
            yield from ((path, value) for value in values if allowed.admits(value))


def _named(condition: conditions.Condition, kind: type) -> list[Any]:
    found = [node.value for node in walk(condition.node) if isinstance(node, Literal)]
    return [value for value in found if type(value) is kind]


def _crossings(
    comparison: conditions.Comparison,
    data: Mapping[str, Any],
    path: str,
    scope: conditions.Scope,
    *,
    whole: bool,
) -> list[Any]:
    """Return the values around the one at which both sides of a comparison are equal, taken as a line."""
    old = conditions.value_at(data, path)
    start = old if isinstance(old, int | float) and not isinstance(old, bool) else 0
    step: float = 1 if whole else 1.0
    first = conditions.distance(comparison, changed(data, path, start), scope)
    second = conditions.distance(comparison, changed(data, path, start + step), scope)
    if first is None or second is None or not math.isfinite(first - second) or first == second:
        return []
    crossing = start - first * step / (second - first)
    if not math.isfinite(crossing):
        return []
    if whole:
        middle = round(crossing)
        return [middle - 1, middle, middle + 1]
    if comparison.threshold is not None and math.isclose(crossing, comparison.threshold):
        crossing = comparison.threshold
    gap = _gap(crossing)
    return [crossing, round(crossing - gap, 12), round(crossing + gap, 12)]


def _gap(value: float) -> float:
    """Return a step a hundred times finer than the digits that a threshold is written with."""
    exponent = Decimal(repr(round(value, 9))).as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) else 0
    return float(10.0 ** -(min(max(digits, 0), 8) + 2))
