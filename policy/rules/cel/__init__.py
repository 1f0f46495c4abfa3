"""The rule language: the Common Expression Language (CEL), parsed, type-checked and evaluated.

    node = parse("credit_score < 550 || dti > 0.6")
    checked = check(node, schema.environment(contract), expected=types.BOOL)
    interpret(checked.node, environment.bind(application))

An expression is a pure function of its variables: no clock, no randomness, no input or output, no loop
without end. `parse` raises nothing but SyntaxProblem, `check` nothing but CheckProblems, `interpret` nothing
but EvaluationProblem. The interpreter is the reference that compiled forms must agree with. What the
language conforms to, and where it differs, is in docs/policy/rules/cel-conformance.md.
"""

from __future__ import annotations

from policy.rules.cel import ast, schema, types, values
from policy.rules.cel.checker import Checked, Reference, check
from policy.rules.cel.environment import Environment
from policy.rules.cel.interpreter import interpret
from policy.rules.cel.parser import Limits, parse
from policy.rules.cel.problems import (
    CheckProblems,
    CostExceeded,
    EvaluationProblem,
    MissingValue,
    NoSuchOverload,
    Problem,
    SyntaxProblem,
)

__all__ = [
    "CheckProblems",
    "Checked",
    "CostExceeded",
    "Environment",
    "EvaluationProblem",
    "Limits",
    "MissingValue",
    "NoSuchOverload",
    "Problem",
    "Reference",
    "SyntaxProblem",
    "ast",
    "check",
    "interpret",
    "parse",
    "schema",
    "types",
    "values",
]
