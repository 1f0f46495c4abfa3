"""Rulesets and tables as Python functions: a decision in about a microsecond, a traced one in a few.

What must stay true: compiled code and the interpreter agree on every input, on values as on errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from policy.rules import conditions, executor
from policy.rules.compiling import programs
from policy.rules.compiling.programs import Program
from policy.rules.conditions import RuleInvalid
from policy.rules.rulesets import Ruleset

__all__ = ["Program", "RuleInvalid", "compile_rulesets", "programs"]


def compile_rulesets(
    rulesets: Sequence[Ruleset],
    input_schema: Mapping[str, Any],
    checklist: executor.Checklist = executor.NO_CHECKLIST,
) -> Program:
    """Compile an ordered list of rulesets against a contract's input. Raises conditions.RuleInvalid."""
    return Program(rulesets, conditions.Scope(input_schema), checklist)
