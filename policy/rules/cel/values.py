"""Values of the rule language at run time, and what it means for two of them to be equal or ordered.

Python's own types stand for most of them: int, float, str, bytes, bool, None, list, dict. Three differences
must stay in sight. `True == 1` in Python but not here, so equality goes through `equal`, and a boolean key of
a map is stored as `BoolKey` (see `to_key`). Integers have 64 bits, so results go through `int64`/`uint64`.
Unsigned integers are a subclass of int that arithmetic does not preserve, so every function wraps anew.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from policy.rules.cel.problems import CostExceeded, EvaluationProblem, NoSuchOverload

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
UINT_MAX = 2**64 - 1
NANOS = 1_000_000_000
# 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z
TIMESTAMP_MIN, TIMESTAMP_MAX = -62_135_596_800 * NANOS, 253_402_300_800 * NANOS - 1


class Uint(int):
    """An unsigned 64-bit integer."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{int(self)}u"


class BoolKey(enum.Enum):
    """A boolean as the key of a map, where Python's own would collide with 0 and 1."""

    TRUE = True
    FALSE = False


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """An instant, in nanoseconds since 1970-01-01T00:00:00Z."""

    nanoseconds: int

    def __post_init__(self) -> None:
        if not TIMESTAMP_MIN <= self.nanoseconds <= TIMESTAMP_MAX:
            raise EvaluationProblem("range error: timestamp outside years 1 to 9999")


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A span of time in nanoseconds, positive or negative, of at most 64 bits."""

    nanoseconds: int

    def __post_init__(self) -> None:
        if not INT_MIN <= self.nanoseconds <= INT_MAX:
            raise EvaluationProblem("range error: duration exceeds 64 bits of nanoseconds")


@dataclass(frozen=True, slots=True)
class TypeValue:
    """A type as a value, under its name in the language."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Optional:
    """A value that may be absent."""

    value: Any = None
    present: bool = True


NONE = Optional(None, present=False)

_KINDS: dict[type, str] = {
    bool: "bool",
    int: "int",
    Uint: "uint",
    float: "double",
    str: "string",
    bytes: "bytes",
    type(None): "null",
    list: "list",
    tuple: "list",
    dict: "map",
    Timestamp: "timestamp",
    Duration: "duration",
    TypeValue: "type",
    Optional: "optional",
}
_TYPE_NAMES = {
    "null": "null_type",
    "timestamp": "google.protobuf.Timestamp",
    "duration": "google.protobuf.Duration",
    "optional": "optional_type",
}
TYPE_VALUES = {name: TypeValue(name) for name in (_TYPE_NAMES.get(kind, kind) for kind in _KINDS.values())}


def kind(value: Any) -> str:
    """Return the short name of the value's type: int, uint, double, string, ..., optional."""
    found = _KINDS.get(type(value))
    if found is not None:
        return found
    for python_type, name in _KINDS.items():
        if isinstance(value, python_type):
            return name
    raise EvaluationProblem(f"a value of an unsupported kind: {type(value).__name__}")


def type_of(value: Any) -> TypeValue:
    """Return what `type(value)` is in the language."""
    name = kind(value)
    return TYPE_VALUES[_TYPE_NAMES.get(name, name)]


def int64(value: int) -> int:
    """Return the value, or raise where it does not fit 64 signed bits."""
    if INT_MIN <= value <= INT_MAX:
        return value
    raise EvaluationProblem("integer overflow")


def uint64(value: int) -> Uint:
    """Return the value as unsigned, or raise where it is negative or does not fit 64 bits."""
    if 0 <= value <= UINT_MAX:
        return Uint(value)
    raise EvaluationProblem("unsigned integer overflow")


def is_number(value: Any) -> bool:
    """Say whether the value is an int, uint or double (a bool is none of them)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def equal(left: Any, right: Any) -> bool:
    """Say whether two values are equal: numbers across their types, everything else only within its own."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if is_number(left) or is_number(right):
        return is_number(left) and is_number(right) and bool(left == right)
    if isinstance(left, list | tuple):
        return (
            isinstance(right, list | tuple)
            and len(left) == len(right)
            and all(equal(a, b) for a, b in zip(left, right, strict=True))
        )
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and len(left) == len(right)
            and all(key in right and equal(value, right[key]) for key, value in left.items())
        )
    if isinstance(left, Optional) and isinstance(right, Optional):
        if not (left.present and right.present):
            return left.present == right.present
        return equal(left.value, right.value)
    return type(left) is type(right) and bool(left == right)


def compare(left: Any, right: Any) -> int | None:
    """Return -1, 0 or 1 for less, equal, greater; None where a NaN makes them neither.

    Raises NoSuchOverload for kinds without an order between them.
    """
    both_numbers = is_number(left) and is_number(right)
    kinds = (kind(left), kind(right))
    ordered = {"bool", "string", "bytes", "timestamp", "duration"}
    if not both_numbers and (kinds[0] != kinds[1] or kinds[0] not in ordered):
        raise NoSuchOverload(f"no such overload: {kinds[0]} and {kinds[1]} have no order")
    if left < right:
        return -1
    if left > right:
        return 1
    return 0 if left == right else None


def to_key(value: Any) -> Any:
    """Return the value as a key of a stored map."""
    if isinstance(value, bool):
        return BoolKey(value)
    return value


def from_key(key: Any) -> Any:
    """Return the key of a stored map as a value."""
    return key.value if isinstance(key, BoolKey) else key


def lookup(mapping: dict[Any, Any], key: Any) -> tuple[bool, Any]:
    """Return whether the map has the key, and the value; any kind of key may be asked for."""
    if isinstance(key, list | tuple | dict | Optional):
        return False, None
    stored = to_key(key)
    if stored in mapping:
        return True, mapping[stored]
    return False, None


def build_map(pairs: Iterator[tuple[Any, Any]] | list[tuple[Any, Any]]) -> dict[Any, Any]:
    """Build a map; keys are int, uint, bool or string, and none is repeated (1 and 1u are one key)."""
    result: dict[Any, Any] = {}
    for key, value in pairs:
        if kind(key) not in {"int", "uint", "bool", "string"}:
            raise EvaluationProblem(f"unsupported key type: {kind(key)}")
        stored = to_key(key)
        if stored in result:
            raise EvaluationProblem("Failed with repeated key")
        result[stored] = value
    return result


_WEIGHTLESS = (int, float, type(None))


def weight(value: Any, limit: int) -> int:
    """Return how many parts a value has, deep down; raise CostExceeded past the limit.

    Values may share parts, so a small expression can describe an enormous one; nothing may walk through a
    value that has not been weighed.
    """
    total = 0
    pending = [value]
    while pending:
        current = pending.pop()
        total += 1
        if isinstance(current, str | bytes):
            total += len(current) // 32
        elif isinstance(current, list | tuple):
            total += len(current)
            pending.extend(item for item in current if not isinstance(item, _WEIGHTLESS))
        elif isinstance(current, dict):
            total += len(current)
            pending.extend(current.values())
        elif isinstance(current, Optional):
            pending.append(current.value)
        if total > limit:
            raise CostExceeded("evaluation cost limit exceeded")
    return total
