"""Conditions as boxes: for each field the values that a conjunction of comparisons allows.

What must stay true: `outer` boxes contain every input for which the condition holds; a box marked exact
contains no other. So "box A (exact) covers box B" proves that wherever B's rule could hold, A's does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from policy.rules import conditions, rendering
from policy.rules.cel import types
from policy.rules.cel.ast import Call, Ident, ListExpr, Literal, Node, Select, dotted_name

MIRROR = {"_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_", "_==_": "_==_", "_!=_": "_!=_"}
OPPOSITE = {"_<_": "_>=_", "_<=_": "_>_", "_>_": "_<=_", "_>=_": "_<_", "_==_": "_!=_", "_!=_": "_==_"}
MAX_ALTERNATIVES = 64


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers between two ends, or values out of a list; `without` are left out."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False
    allowed: frozenset[Any] | None = None
    without: frozenset[Any] = frozenset()
    whole: bool = False

    def admits(self, value: Any) -> bool:
        """Say whether a value is in it."""
        if value in self.without or (self.allowed is not None and value not in self.allowed):
            return False
        if isinstance(value, str | bool):
            return self.low == -math.inf and self.high == math.inf
        above = value > self.low if self.low_open else value >= self.low
        return bool(above and (value < self.high if self.high_open else value <= self.high))

    def meet(self, other: Range) -> Range:
        """Return what is in both."""
        low, low_open = max((self.low, self.low_open), (other.low, other.low_open))
        high, closed = min((self.high, not self.high_open), (other.high, not other.high_open))
        both = [item for item in (self.allowed, other.allowed) if item is not None]
        return Range(
            low,
            high,
            low_open,
            not closed,
            frozenset.intersection(*both) if both else None,
            self.without | other.without,
            self.whole or other.whole,
        )

    def example(self) -> Any:
        """Return a value in it, or MISSING when it is empty."""
        tries: list[Any] = sorted(self.allowed, key=repr) if self.allowed is not None else []
        if self.allowed is None:
            tries = ["", "other", "another"] if not self.is_bounded() and not self.whole else []
            low = self.low if math.isfinite(self.low) else min(self.high, 0.0)
            high = self.high if math.isfinite(self.high) else max(self.low, 0.0)
            ends = [low, high, (low + high) / 2, low + 1, high - 1, low + (high - low) * 0.37]
            if self.whole:
                ends = [end for value in ends for end in (math.floor(value), math.ceil(value))]
            tries = [*ends, *tries] if self.is_bounded() or self.whole else tries
        return next((value for value in tries if self.admits(value)), conditions.MISSING)

    def is_bounded(self) -> bool:
        """Say whether a number is limited by it."""
        return math.isfinite(self.low) or math.isfinite(self.high)

    def covers(self, other: Range) -> bool:
        """Say whether everything in the other is in this one; False when in doubt."""
        if other.allowed is not None:
            return all(self.admits(value) for value in other.allowed if other.admits(value))
        if self.allowed is not None or not self.without <= other.without:
            return all(not other.admits(value) for value in self.without) and self.allowed is None
        low = (self.low, self.low_open) <= (other.low, other.low_open)
        return low and (self.high, not self.high_open) >= (other.high, not other.high_open)


@dataclass(frozen=True, slots=True)
class Box:
    """One conjunction."""

    ranges: Mapping[str, Range] = field(default_factory=dict)
    exact: bool = True

    def meet(self, other: Box) -> Box:
        """Return the inputs in both."""
        merged = dict(self.ranges)
        for path, limits in other.ranges.items():
            merged[path] = merged[path].meet(limits) if path in merged else limits
        return Box(merged, self.exact and other.exact)

    def is_empty(self) -> bool:
        """Say whether no input is in it, as far as that can be seen."""
        return any(limits.example() is conditions.MISSING for limits in self.ranges.values())

    def covers(self, other: Box) -> bool:
        """Say whether the rule of this box surely holds wherever the other's could."""
        if not self.exact:
            return False
        return all(
            path in other.ranges and limits.covers(other.ranges[path]) for path, limits in self.ranges.items()
        )

    def example(self) -> dict[str, Any]:
        """Return an input in it, by path."""
        found = {path: limits.example() for path, limits in self.ranges.items()}
        return {path: value for path, value in found.items() if value is not conditions.MISSING}


def domain(scope: conditions.Scope, path: str) -> Range:
    """Return what the contract allows a field to be."""
    fields = scope.fields(path)
    if not fields:
        return Range()
    last = fields[-1]
    whole = last.type == types.INT
    if last.type == types.BOOL:
        return Range(allowed=frozenset([True, False]))
    limits = last.domain
    if limits is None:
        return Range(whole=whole)
    if limits.values is not None:
        kept = (value for value in limits.values if isinstance(value, str | int | float))
        return Range(allowed=frozenset(kept), whole=whole)
    low = -math.inf if limits.minimum is None else limits.minimum
    high = math.inf if limits.maximum is None else limits.maximum
    return Range(low, high, limits.is_minimum_exclusive, limits.is_maximum_exclusive, whole=whole)


def of(node: Node, scope: conditions.Scope) -> list[Box]:
    """Return boxes whose union contains every input for which the condition holds, within the contract."""
    found = []
    for box in _boxes(node, scope, negated=False):
        bounds = Box({path: domain(scope, path) for path in box.ranges})
        found.append(box.meet(bounds))
    return found


def _boxes(node: Node, scope: conditions.Scope, *, negated: bool) -> list[Box]:
    if isinstance(node, Call) and node.function == "!_":
        return _boxes(node.args[0], scope, negated=not negated)
    if isinstance(node, Call) and node.function in ("_&&_", "_||_"):
        left, right = (_boxes(part, scope, negated=negated) for part in node.args)
        if (node.function == "_||_") != negated:
            return [*left, *right]
        product = [one.meet(two) for one in left for two in right]
        return product if len(product) <= MAX_ALTERNATIVES else [Box(exact=False)]
    if isinstance(node, Literal) and isinstance(node.value, bool):
        return [Box()] if node.value is not negated else []
    if isinstance(node, Ident | Select):
        path = path_of(node, scope)
        return [Box({path: Range(allowed=frozenset([not negated]))})] if path else [Box(exact=False)]
    if isinstance(node, Call):
        limited = _limit(node, scope, negated)
        if limited is not None:
            return [Box({limited[0]: limited[1]})]
    return [Box(exact=False)]


def path_of(node: Node, scope: conditions.Scope) -> str | None:
    """Return the declared, never-null field that an expression is, if it is one."""
    name = dotted_name(node)
    fields = scope.fields(scope.plain(name)) if name else None
    return scope.plain(name) if name and fields and not any(item.is_nullable for item in fields) else None


def _limit(node: Call, scope: conditions.Scope, negated: bool) -> tuple[str, Range] | None:
    if node.function not in MIRROR and node.function != "@in":
        return None
    left, right = node.args
    if node.function == "@in":
        path = path_of(left, scope)
        if path is None or not isinstance(right, ListExpr) or right.optional_indices:
            return None
        parts = [part.value for part in right.items if isinstance(part, Literal)]
        if len(parts) != len(right.items):
            return None
        return path, Range(without=frozenset(parts)) if negated else Range(allowed=frozenset(parts))
    function = node.function
    if isinstance(left, Literal):
        left, right, function = right, left, MIRROR[function]
    path = path_of(left, scope)
    if path is None or not isinstance(right, Literal) or right.value is None:
        return None
    function = OPPOSITE[function] if negated else function
    value = right.value
    if function == "_==_":
        return path, Range(allowed=frozenset([value]))
    if function == "_!=_":
        return path, Range(without=frozenset([value]))
    if isinstance(value, str | bytes | bool):
        return None
    if function in ("_<_", "_<=_"):
        return path, Range(high=value, high_open=function == "_<_")
    return path, Range(low=value, low_open=function == "_>_")


def normal_form(node: Node, scope: conditions.Scope) -> str:
    """Return a text that is the same for conditions that differ in layout only.

    Operands of `&&` and `||` are sorted and given once, constants stand on the right, a negated comparison
    of a field with a constant is the opposite comparison.
    """
    if isinstance(node, Call):
        if node.function in ("_&&_", "_||_"):
            sign = node.function.strip("_")
            parts = {part for child in node.args for part in _operands(child, node.function, scope)}
            return "(" + f" {sign} ".join(sorted(parts)) + ")" if len(parts) > 1 else next(iter(parts))
        if node.function == "!_":
            inner = node.args[0]
            if isinstance(inner, Call) and inner.function == "!_":
                return normal_form(inner.args[0], scope)
            if isinstance(inner, Call) and inner.function in OPPOSITE and _limit(inner, scope, False):
                return normal_form(Call(OPPOSITE[inner.function], inner.args), scope)
        if node.function in MIRROR:
            left, right = node.args
            if isinstance(left, Literal) and not isinstance(right, Literal):
                return rendering.text(Call(MIRROR[node.function], (right, left)))
    return rendering.text(node)


def _operands(node: Node, function: str, scope: conditions.Scope) -> list[str]:
    if isinstance(node, Call) and node.function == function:
        return [part for child in node.args for part in _operands(child, function, scope)]
    return [normal_form(node, scope)]
