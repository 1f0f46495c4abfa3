"""Functions on lists and maps, and lists used as sets."""

from __future__ import annotations

import functools
from typing import Any

from policy.rules.cel import values
from policy.rules.cel.functions.operators import MAX_SIZE
from policy.rules.cel.functions.registry import add, overload
from policy.rules.cel.problems import EvaluationProblem, NoSuchOverload

for _kind in ("list<A>", "map<K, V>"):
    add(f"size({_kind}) -> int", len)
    add(f"({_kind}) size() -> int", len)
add("(list<A>) reverse() -> list<A>", lambda items: list(reversed(items)))


@overload("lists.range(int) -> list<int>")
def number_range(count: int) -> list[int]:
    """Return the numbers from zero up to one less than the count."""
    if count > MAX_SIZE // 10:
        raise EvaluationProblem("lists.range: the result is too large")
    return list(range(max(count, 0)))


@overload("(list<A>) slice(int, int) -> list<A>")
def slice_list(items: list[Any], start: int, end: int) -> list[Any]:
    """Return the elements from a place up to another."""
    if not 0 <= start <= end <= len(items):
        raise EvaluationProblem(f"cannot slice({start}, {end}) a list of {len(items)}")
    return list(items[start:end])


@overload("(list<list<A>>) flatten() -> list<A>", "(list<dyn>) flatten(int) -> list<dyn>")
def flatten(items: list[Any], levels: int = 1) -> list[Any]:
    """Put the elements of inner lists in their place, some levels deep."""
    if levels < 0:
        raise EvaluationProblem("flatten: levels must not be negative")
    result = list(items)
    for _ in range(min(levels, 100)):
        if not any(isinstance(item, list | tuple) for item in result):
            break
        result = [part for item in result for part in (item if isinstance(item, list | tuple) else (item,))]
        if len(result) > MAX_SIZE:
            raise EvaluationProblem("the result is too large")
    return result


@overload("(list<A>) distinct() -> list<A>")
def distinct(items: list[Any]) -> list[Any]:
    """Return the elements without repetitions, in the order they came."""
    result: list[Any] = []
    for item in items:
        if not any(values.equal(item, other) for other in result):
            result.append(item)
    return result


@overload("(list<A>) sort() -> list<A>")
def sort(items: list[Any]) -> list[Any]:
    """Return the elements in order; all must be of one comparable kind."""
    if len({values.kind(item) for item in items}) > 1:
        raise NoSuchOverload("no such overload: sort takes elements of one kind")
    return sorted(items, key=functools.cmp_to_key(lambda a, b: values.compare(a, b) or 0))


def _has(items: list[Any], item: Any) -> bool:
    return any(values.equal(item, other) for other in items)


@overload("sets.contains(list<A>, list<A>) -> bool")
def contains(items: list[Any], others: list[Any]) -> bool:
    """Return whether every one of the others is among the items."""
    return all(_has(items, other) for other in others)


@overload("sets.equivalent(list<A>, list<A>) -> bool")
def equivalent(items: list[Any], others: list[Any]) -> bool:
    """Return whether both hold the same elements, however often."""
    return contains(items, others) and contains(others, items)


@overload("sets.intersects(list<A>, list<A>) -> bool")
def intersects(items: list[Any], others: list[Any]) -> bool:
    """Return whether both have an element in common."""
    return any(_has(items, other) for other in others)
