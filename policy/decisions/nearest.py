"""The nearest change of one input field that would flip the class of a decision.

Candidates are the thresholds that the rules compared the field with, and one step to either side; they are
tried by the compiled rules themselves, nearest first, so that what is answered really flips.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from policy.rules import compiling
from policy.rules.cel import ast
from policy.rules.executor import Outcome

if TYPE_CHECKING:
    from policy.decisions.contracts.compiled import Compiled

MOST_TRIED = 24
_STEP, _DIGITS = 0.01, 9


@dataclass(frozen=True, slots=True)
class Turning:
    """Where the rules turn on one field: the values worth trying, each with the rule that compares it."""

    name: str
    whole: tuple[tuple[int, str], ...]
    fraction: tuple[tuple[float, str], ...]


def turnings_of(program: compiling.Program) -> tuple[Turning, ...]:
    """Return what is worth trying under compiled rules, by field; each value once, the first rule's name."""
    whole: dict[str, dict[int, str]] = {}
    fraction: dict[str, dict[float, str]] = {}
    for condition in program.flat:
        for comparison in condition.comparisons:
            name = ast.dotted_name(comparison.left)
            if name is None or comparison.threshold is None:
                continue
            name = name.lstrip(".")
            for shift in (0, 1, -1):
                whole.setdefault(name, {}).setdefault(int(comparison.threshold) + shift, condition.rule.name)
                value = round(comparison.threshold + shift * _STEP, _DIGITS)
                fraction.setdefault(name, {}).setdefault(value, condition.rule.name)
    return tuple(Turning(name, tuple(whole[name].items()), tuple(fraction[name].items())) for name in whole)


def _candidates(compiled: Compiled, data: Mapping[str, Any]) -> list[tuple[float, str, Any, str]]:
    found: list[tuple[float, str, Any, str]] = []
    for turning in compiled.turnings:
        name = turning.name
        present = data.get(name)
        values: tuple[tuple[float, str], ...]
        if type(present) is int:
            values = turning.whole
        elif type(present) is float:
            values = turning.fraction
        else:
            continue
        scale = abs(present) or 1
        found += [
            (abs(value - present) / scale, name, value, rule) for value, rule in values if value != present
        ]
    # Two values as far apart as each other: the field's name settles it, then the order of the rules.
    found.sort(key=lambda item: item[:2])
    return found


def nearest_flip(compiled: Compiled, data: dict[str, Any], outcome: Outcome) -> dict[str, Any] | None:
    """Return the smallest change found that gives another class, or None."""
    decide, is_valid = compiled.program.decide, compiled.validator.is_valid
    given = outcome.decision_class
    for _scaled, name, value, rule in _candidates(compiled, data)[:MOST_TRIED]:
        changed = {**data, name: value}
        flipped = decide(changed).decision_class
        if flipped != given and is_valid(changed):
            return {"field": name, "from": data[name], "to": value, "class": flipped, "rule": rule}
    return None
