"""Operators: arithmetic that refuses to overflow, comparison, membership, and logic on booleans.

`&&`, `||` and `?:` are here only as their plain tables; that an error on one side is absorbed by the other
is the interpreter's business, because a function never sees the error.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from policy.rules.cel import values
from policy.rules.cel.functions.registry import add, overload
from policy.rules.cel.problems import EvaluationProblem
from policy.rules.cel.values import Duration, Timestamp, Uint

# No single string, list or map may grow past this, however cheap each step was.
MAX_SIZE = 1_000_000


def quotient(left: int, right: int) -> int:
    """Divide whole numbers towards zero."""
    if right == 0:
        raise EvaluationProblem("divide by zero")
    result = abs(left) // abs(right)
    return result if (left < 0) == (right < 0) else -result


def remainder(left: int, right: int) -> int:
    """Return what `quotient` leaves; it has the sign of the dividend."""
    if right == 0:
        raise EvaluationProblem("modulus by zero")
    result = abs(left) % abs(right)
    return -result if left < 0 else result


def double_quotient(left: float, right: float) -> float:
    """Divide doubles as IEEE 754 does: by zero gives an infinity or NaN, never an error."""
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _concatenate(left: Any, right: Any) -> Any:
    if len(left) + len(right) > MAX_SIZE:
        raise EvaluationProblem("the result is too large")
    return [*left, *right] if isinstance(left, list | tuple) else left + right


def _register_arithmetic() -> None:
    whole: dict[str, Callable[[int, int], int]] = {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": quotient,
        "%": remainder,
    }
    for sign, function in whole.items():
        add(f"_{sign}_(int, int) -> int", lambda a, b, f=function: values.int64(f(int(a), int(b))))
        add(f"_{sign}_(uint, uint) -> uint", lambda a, b, f=function: values.uint64(f(int(a), int(b))))
    for sign, real in {"+": operator.add, "-": operator.sub, "*": operator.mul}.items():
        add(f"_{sign}_(double, double) -> double", real)
    add("_/_(double, double) -> double", double_quotient)
    add("-_(int) -> int", lambda a: values.int64(-a))
    add("-_(double) -> double", operator.neg)
    for kind in ("string", "bytes", "list<A>"):
        add(f"_+_({kind}, {kind}) -> {kind}", _concatenate)


def _register_order() -> None:
    tests: dict[str, tuple[int, ...]] = {"<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (0, 1)}
    numbers = ("int", "uint", "double")
    pairs = [(a, b) for a in numbers for b in numbers]
    pairs += [(kind, kind) for kind in ("bool", "string", "bytes", "timestamp", "duration")]
    for sign, accepted in tests.items():
        for left, right in pairs:
            add(
                f"_{sign}_({left}, {right}) -> bool",
                lambda a, b, accepted=accepted: values.compare(a, b) in accepted,
            )


_register_arithmetic()
_register_order()
add("_==_(dyn, dyn) -> bool", values.equal)


@overload("_!=_(dyn, dyn) -> bool")
def different(left: Any, right: Any) -> bool:
    """Return whether two values are not equal."""
    return not values.equal(left, right)


@overload("@in(dyn, list<A>) -> bool")
def in_list(item: Any, items: list[Any]) -> bool:
    """Return whether a list has an element equal to the item."""
    return any(values.equal(item, other) for other in items)


@overload("@in(dyn, map<K, V>) -> bool")
def in_map(key: Any, mapping: dict[Any, Any]) -> bool:
    """Return whether a map has the key."""
    return values.lookup(mapping, key)[0]


@overload("!_(bool) -> bool")
def negate(value: bool) -> bool:
    """Return the opposite."""
    return not value


@overload("_&&_(bool, bool) -> bool")
def both(left: bool, right: bool) -> bool:
    """Return whether both hold."""
    return left and right


@overload("_||_(bool, bool) -> bool")
def either(left: bool, right: bool) -> bool:
    """Return whether one holds."""
    return left or right


@overload("_?_:_(bool, A, A) -> A")
def choose(condition: bool, chosen: Any, other: Any) -> Any:
    """Return the second or the third, by the first."""
    return chosen if condition else other


@overload("_+_(timestamp, duration) -> timestamp")
def later(moment: Timestamp, span: Duration) -> Timestamp:
    """Return the instant a duration after another."""
    return Timestamp(moment.nanoseconds + span.nanoseconds)


@overload("_+_(duration, timestamp) -> timestamp")
def after(span: Duration, moment: Timestamp) -> Timestamp:
    """Return the instant a duration after another."""
    return later(moment, span)


@overload("_-_(timestamp, duration) -> timestamp")
def earlier(moment: Timestamp, span: Duration) -> Timestamp:
    """Return the instant a duration before another."""
    return Timestamp(moment.nanoseconds - span.nanoseconds)


@overload("_-_(timestamp, timestamp) -> duration")
def between(left: Timestamp, right: Timestamp) -> Duration:
    """Return the duration from the second instant to the first."""
    return Duration(left.nanoseconds - right.nanoseconds)


@overload("_+_(duration, duration) -> duration")
def total(left: Duration, right: Duration) -> Duration:
    """Return the sum of two durations."""
    return Duration(left.nanoseconds + right.nanoseconds)


@overload("_-_(duration, duration) -> duration")
def shorter(left: Duration, right: Duration) -> Duration:
    """Return the difference of two durations."""
    return Duration(left.nanoseconds - right.nanoseconds)


@overload("_[_](list<A>, dyn) -> A")
def item_at(items: list[Any], index: Any) -> Any:
    """Return the element at a place; a double or uint with a whole value will do."""
    if not values.is_number(index) or index != index // 1:
        raise EvaluationProblem(f"invalid_argument: a list has no index of kind {values.kind(index)}")
    place = int(index)
    if not 0 <= place < len(items):
        raise EvaluationProblem(f"invalid_argument: index out of range: {place}")
    return items[place]


@overload("_[_](map<K, V>, dyn) -> V")
def value_at(mapping: dict[Any, Any], key: Any) -> Any:
    """Return the value under a key."""
    found, value = values.lookup(mapping, key)
    if not found:
        shown = repr(key)[:80] if isinstance(key, str | int | float | Uint) else values.kind(key)
        raise EvaluationProblem(f"no such key: {shown}")
    return value
