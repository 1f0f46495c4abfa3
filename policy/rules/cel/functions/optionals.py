"""Optional values: making them, and getting something out of them."""

from __future__ import annotations

from typing import Any

from policy.rules.cel import values
from policy.rules.cel.functions.registry import add, overload
from policy.rules.cel.problems import EvaluationProblem
from policy.rules.cel.values import NONE, Duration, Optional, Timestamp

add("optional.of(A) -> optional<A>", Optional)
add("optional.none() -> optional<A>", lambda: NONE)
add("(optional<A>) hasValue() -> bool", lambda optional: optional.present)
add("(optional<A>) or(optional<A>) -> optional<A>", lambda first, second: first if first.present else second)
add("(optional<A>) orValue(A) -> A", lambda optional, other: optional.value if optional.present else other)
add("(list<A>) first() -> optional<A>", lambda items: Optional(items[0]) if items else NONE)
add("(list<A>) last() -> optional<A>", lambda items: Optional(items[-1]) if items else NONE)


def is_zero(value: Any) -> bool:
    """Say whether a value is the one that a field has when nothing was set."""
    if isinstance(value, Duration | Timestamp):
        return value.nanoseconds == 0
    if isinstance(value, Optional):
        return not value.present
    return value is None or value is False or (not isinstance(value, values.TypeValue) and not value)


@overload("optional.ofNonZeroValue(A) -> optional<A>")
def of_non_zero(value: Any) -> Optional:
    """Return an optional that is empty for a zero value."""
    return NONE if is_zero(value) else Optional(value)


@overload("(optional<A>) value() -> A")
def value_of(optional: Optional) -> Any:
    """Return what the optional holds."""
    if not optional.present:
        raise EvaluationProblem("optional.none() has no value")
    return optional.value


@overload("optional.unwrap(list<optional<A>>) -> list<A>", "(list<optional<A>>) unwrapOpt() -> list<A>")
def unwrap(items: list[Any]) -> list[Any]:
    """Return the values of the optionals that have one."""
    if not all(isinstance(item, Optional) for item in items):
        raise EvaluationProblem("no such overload: unwrap takes a list of optionals")
    return [item.value for item in items if item.present]
