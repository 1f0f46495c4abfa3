"""The nearest change of one input field that would flip the class of a decision.

Candidates are the thresholds that the rules compared the field with, and one step to either side; they are
tried by the compiled rules themselves, nearest first, so that what is answered really flips.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policy.rules import compiling
from policy.rules.cel import ast
from policy.rules.executor import Outcome

MOST_TRIED = 24
_STEP, _DIGITS = 0.01, 9


@dataclass(frozen=True, slots=True)
class Turning:
    """Where the rules turn on one field: the values worth trying, each with the rule that compares it.

    ``flag`` is the rule that asks for a boolean field.
    """

    name: str
    whole: tuple[tuple[int, str], ...] = ()
    fraction: tuple[tuple[float, str], ...] = ()
    flag: str = ""


def turnings_of(program: compiling.Program, booleans: Collection[str]) -> tuple[Turning, ...]:
    """Return what is worth trying under compiled rules, by field; each value once, the first rule's name."""
    flags: dict[str, str] = {}
    whole: dict[str, dict[int, str]] = {}
    fraction: dict[str, dict[float, str]] = {}
    for condition in program.flat:
        for path in condition.paths:
            if path in booleans:
                flags.setdefault(path, condition.rule.name)
        for comparison in condition.comparisons:
            name = ast.dotted_name(comparison.left)
            if name is None or comparison.threshold is None:
                continue
            name = name.lstrip(".")
            for shift in (0, 1, -1):
                whole.setdefault(name, {}).setdefault(int(comparison.threshold) + shift, condition.rule.name)
                value = round(comparison.threshold + shift * _STEP, _DIGITS)
                fraction.setdefault(name, {}).setdefault(value, condition.rule.name)
    return (
        *(Turning(name, tuple(whole[name].items()), tuple(fraction[name].items())) for name in whole),
        *(Turning(name, flag=rule) for name, rule in flags.items()),
    )


def _candidates(turnings: Sequence[Turning], data: Mapping[str, Any]) -> list[tuple[float, str, Any, str]]:
    found: list[tuple[float, str, Any, str]] = []
    for turning in turnings:
        name = turning.name
        present = data.get(name)
        values: tuple[tuple[float, str], ...]
        if type(present) is int:
            values = turning.whole
        elif type(present) is float:
            values = turning.fraction
        elif type(present) is bool and turning.flag:
            # As far as a number doubled: whatever is nearer in numbers is tried first.
            found.append((1.0, name, not present, turning.flag))
            continue
        else:
            continue
        scale = abs(present) or 1
        found += [
            (abs(value - present) / scale, name, value, rule) for value, rule in values if value != present
        ]
    # Two values as far apart as each other: the field's name settles it, then the order of the rules.
    found.sort(key=lambda item: item[:2])
    return found


def nearest_flip(
    turnings: Sequence[Turning],
    decide: Callable[[dict[str, Any]], Outcome],
    is_valid: Callable[[dict[str, Any]], bool],
    data: dict[str, Any],
    given: str,
) -> dict[str, Any] | None:
    """Return the smallest change found that gives another class than the given one, or None.

    ``is_valid`` says whether the contract would take the changed input at all.
    """
    for _scaled, name, value, rule in _candidates(turnings, data)[:MOST_TRIED]:
        changed = {**data, name: value}
        flipped = decide(changed).decision_class
        if flipped != given and is_valid(changed):
            return {"field": name, "from": data[name], "to": value, "class": flipped, "rule": rule}
    return None
