"""The nearest change of one input field that would flip the class of a decision.

Candidates are the thresholds that the rules compared the field with, and one step to either side; they are
tried by the compiled rules themselves, nearest first, so that what is answered really flips.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policy.decisions.contracts.compiled import Compiled
from policy.rules.cel import ast
from policy.rules.executor import Outcome

MOST_TRIED = 24


def _candidates(compiled: Compiled, data: Mapping[str, Any]) -> list[tuple[float, str, Any, str]]:
    found: dict[tuple[str, Any], tuple[float, str, Any, str]] = {}
    for condition in compiled.program.flat:
        for comparison in condition.comparisons:
            name = ast.dotted_name(comparison.left)
            if name is None or comparison.threshold is None:
                continue
            name = name.lstrip(".")
            present = data.get(name)
            if not isinstance(present, int | float) or isinstance(present, bool):
                continue
            whole = isinstance(present, int)
            step = 1 if whole else 0.01
            for shift in (0, step, -step):
                value = int(comparison.threshold) + shift if whole else round(comparison.threshold + shift, 9)
                if value != present:
                    scaled = abs(value - present) / (abs(present) or 1)
                    found.setdefault((name, value), (scaled, name, value, condition.rule.name))
    return sorted(found.values(), key=lambda item: (item[0], item[1]))


def nearest_flip(compiled: Compiled, data: dict[str, Any], outcome: Outcome) -> dict[str, Any] | None:
    """Return the smallest change found that gives another class, or None."""
    decide, is_valid = compiled.program.decide, compiled.validator.is_valid
    for _scaled, name, value, rule in _candidates(compiled, data)[:MOST_TRIED]:
        changed = {**data, name: value}
        if decide(changed).decision_class != outcome.decision_class and is_valid(changed):
            flipped = decide(changed).decision_class
            return {"field": name, "from": data[name], "to": value, "class": flipped, "rule": rule}
    return None
