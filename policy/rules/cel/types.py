"""Types of the rule language, as the checker knows them.

Simple types are singletons, compared by value. An object type has named fields; a field may carry a domain
(the values a contract allows), which lets the checker find comparisons that can never hold. A type
parameter stands for one type throughout a function's signature. `DYN` is checked when evaluated instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SimpleType:
    """A type without parts, under its name."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class ListType:
    """A list of elements of one type."""

    element: Type

    def __str__(self) -> str:
        return f"list({self.element})"


@dataclass(frozen=True, slots=True)
class MapType:
    """A map from keys of one type to values of one type."""

    key: Type
    value: Type

    def __str__(self) -> str:
        return f"map({self.key}, {self.value})"


@dataclass(frozen=True, slots=True)
class OptionalType:
    """A value of a type, or nothing."""

    value: Type

    def __str__(self) -> str:
        return f"optional({self.value})"


@dataclass(frozen=True, slots=True)
class TypeParam:
    """A place for one type within a signature."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Domain:
    """The values that a field may have: a list of them, or bounds (None where there is none)."""

    values: tuple[Any, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    is_minimum_exclusive: bool = False
    is_maximum_exclusive: bool = False

    def __str__(self) -> str:
        if self.values is not None:
            return "one of " + ", ".join(repr(value) for value in self.values)
        low = "" if self.minimum is None else f"{'>' if self.is_minimum_exclusive else '>='} {self.minimum}"
        high = "" if self.maximum is None else f"{'<' if self.is_maximum_exclusive else '<='} {self.maximum}"
        return " and ".join(part for part in (low, high) if part)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an object: its type, whether it is always there, and what it may hold."""

    type: Type
    required: bool = True
    is_nullable: bool = False
    domain: Domain | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class ObjectType:
    """A JSON object with known fields; at run time a map."""

    name: str
    fields: Mapping[str, Field] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def __hash__(self) -> int:
        return hash((self.name, tuple(self.fields)))


Type = SimpleType | ListType | MapType | OptionalType | TypeParam | ObjectType

INT = SimpleType("int")
UINT = SimpleType("uint")
DOUBLE = SimpleType("double")
STRING = SimpleType("string")
BYTES = SimpleType("bytes")
BOOL = SimpleType("bool")
NULL = SimpleType("null")
DYN = SimpleType("dyn")
TIMESTAMP = SimpleType("timestamp")
DURATION = SimpleType("duration")
TYPE = SimpleType("type")
SIMPLE = {t.name: t for t in (INT, UINT, DOUBLE, STRING, BYTES, BOOL, NULL, DYN, TIMESTAMP, DURATION, TYPE)}
NUMBERS = frozenset({INT, UINT, DOUBLE})

Bindings = dict[str, Type]


def assignable(actual: Type, expected: Type, bound: Bindings) -> bool:
    """Say whether a value of one type may stand where another is expected; binds type parameters."""
    if isinstance(expected, TypeParam):
        known = bound.get(expected.name)
        if known is None or known == DYN:
            bound[expected.name] = actual
            return True
        if assignable(actual, known, {}):
            return True
        if assignable(known, actual, {}):
            bound[expected.name] = actual
            return True
        return False
    if DYN in (actual, expected) or isinstance(actual, TypeParam):
        return True
    if isinstance(expected, ListType):
        return isinstance(actual, ListType) and assignable(actual.element, expected.element, bound)
    if isinstance(expected, OptionalType):
        return isinstance(actual, OptionalType) and assignable(actual.value, expected.value, bound)
    if isinstance(expected, MapType):
        if isinstance(actual, ObjectType):
            return assignable(STRING, expected.key, bound) and assignable(DYN, expected.value, bound)
        return (
            isinstance(actual, MapType)
            and assignable(actual.key, expected.key, bound)
            and assignable(actual.value, expected.value, bound)
        )
    if isinstance(expected, ObjectType) and isinstance(actual, MapType):
        return True
    return actual == expected


def substitute(result: Type, bound: Bindings) -> Type:
    """Return the type with its parameters replaced by what they were bound to, DYN where by nothing."""
    if isinstance(result, TypeParam):
        return bound.get(result.name, DYN)
    if isinstance(result, ListType):
        return ListType(substitute(result.element, bound))
    if isinstance(result, OptionalType):
        return OptionalType(substitute(result.value, bound))
    if isinstance(result, MapType):
        return MapType(substitute(result.key, bound), substitute(result.value, bound))
    return result


def join(types: list[Type]) -> Type:
    """Return the one type that all have, else DYN; DYN too for none at all."""
    if types and all(other == types[0] for other in types[1:]):
        return types[0]
    return DYN


def comparable(left: Type, right: Type) -> bool:
    """Say whether values of two types can be equal: null can be compared with anything, numbers too."""
    if NULL in (left, right) or (left in NUMBERS and right in NUMBERS):
        return True
    if isinstance(left, ListType) and isinstance(right, ListType):
        return comparable(left.element, right.element)
    if isinstance(left, OptionalType) and isinstance(right, OptionalType):
        return comparable(left.value, right.value)
    if isinstance(left, MapType) and isinstance(right, MapType):
        return comparable(left.key, right.key) and comparable(left.value, right.value)
    return assignable(left, right, {}) or assignable(right, left, {})
