"""The table of functions and operators: declared once, read by the checker and by evaluation.

A signature is written as text, `(string) charAt(int) -> string` for a method, `math.abs(int) -> int` for a
function. Evaluation chooses the overload by the kinds of the values, the checker by the types of the
expressions; both read the same declaration, so they cannot disagree on what exists.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from policy.rules.cel import types, values
from policy.rules.cel.problems import EvaluationProblem, NoSuchOverload
from policy.rules.cel.types import ListType, MapType, OptionalType, SimpleType, Type, TypeParam

Implementation = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Overload:
    """One signature of a function; for a method the first parameter is its target."""

    name: str
    is_method: bool
    params: tuple[Type, ...]
    result: Type
    implementation: Implementation
    is_variadic: bool = False

    def accepts(self, kinds: tuple[str, ...]) -> bool:
        """Say whether it can be called with values of these kinds."""
        if self.is_variadic:
            return len(kinds) >= len(self.params) and all(
                _fits(self.params[min(place, len(self.params) - 1)], kind) for place, kind in enumerate(kinds)
            )
        return len(kinds) == len(self.params) and all(map(_fits, self.params, kinds))


_TABLE: dict[tuple[str, bool], list[Overload]] = {}
_SIGNATURE = re.compile(r"(?:\((?P<target>[^)]*)\) )?(?P<name>[^( ]+)\((?P<params>.*)\) -> (?P<result>.+)")


Decorated = TypeVar("Decorated", bound=Implementation)


def overload(*signatures: str) -> Callable[[Decorated], Decorated]:
    """Register the decorated function under each signature."""

    def register(implementation: Decorated) -> Decorated:
        for signature in signatures:
            add(signature, implementation)
        return implementation

    return register


def add(signature: str, implementation: Implementation) -> None:
    """Register an implementation under a signature; `...` after the last parameter repeats it."""
    match = _SIGNATURE.fullmatch(signature)
    if match is None:
        raise ValueError(f"not a signature: {signature}")
    texts = _split(match["params"])
    is_variadic = bool(texts) and texts[-1].endswith("...")
    params = [parse_type(text.removesuffix("...")) for text in texts]
    is_method = match["target"] is not None
    if is_method:
        params.insert(0, parse_type(match["target"]))
    entry = Overload(
        match["name"], is_method, tuple(params), parse_type(match["result"]), implementation, is_variadic
    )
    _TABLE.setdefault((entry.name, is_method), []).append(entry)


def find(name: str, is_method: bool) -> tuple[Overload, ...]:
    """Return the overloads of a function or method; none where there is no such name."""
    return tuple(_TABLE.get((name, is_method), ()))


def names() -> list[str]:
    """Return the names of all functions and methods."""
    return sorted({name for name, _ in _TABLE})


@functools.lru_cache(maxsize=4096)
def resolve(name: str, is_method: bool, kinds: tuple[str, ...]) -> Implementation | None:
    """Return the implementation for values of these kinds (see values.kind), or None."""
    for entry in _TABLE.get((name, is_method), ()):
        if entry.accepts(kinds):
            return entry.implementation
    return None


def call(name: str, args: tuple[Any, ...] | list[Any], *, is_method: bool = False) -> Any:
    """Call a function, or a method with its target first. Raises EvaluationProblem only."""
    kinds = tuple(values.kind(arg) for arg in args)
    implementation = resolve(name, is_method, kinds)
    if implementation is None:
        if not find(name, is_method):
            raise NoSuchOverload(f"unbound function: {name}")
        raise NoSuchOverload(f"no such overload: {name}({', '.join(kinds)})")
    try:
        return implementation(*args)
    except (OverflowError, RecursionError, MemoryError) as error:
        raise EvaluationProblem(f"{name}: the result is too large") from error


def parse_type(text: str) -> Type:
    """Read a type: a simple name, `list<T>`, `map<K, V>`, `optional<T>`, or a parameter in capitals."""
    text = text.strip()
    if text in types.SIMPLE:
        return types.SIMPLE[text]
    if text.endswith(">"):
        head, _, inner = text[:-1].partition("<")
        parts = [parse_type(part) for part in _split(inner)]
        if head == "list":
            return ListType(parts[0])
        if head == "map":
            return MapType(parts[0], parts[1])
        if head == "optional":
            return OptionalType(parts[0])
    if re.fullmatch(r"[A-Z]", text):
        return TypeParam(text)
    raise ValueError(f"not a type: {text}")


def _split(text: str) -> list[str]:
    parts, depth, current = [], 0, ""
    for character in text:
        depth += (character == "<") - (character == ">")
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [part.strip() for part in [*parts, current] if part.strip()]


def _fits(param: Type, kind: str) -> bool:
    if isinstance(param, SimpleType):
        return param == types.DYN or param.name == kind
    if isinstance(param, ListType):
        return kind == "list"
    if isinstance(param, MapType):
        return kind == "map"
    if isinstance(param, OptionalType):
        return kind == "optional"
    return True
