"""What generated code calls: arithmetic that keeps to 64 bits, and the mark of a condition without value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from policy.rules import conditions
from policy.rules.cel.ast import Node
from policy.rules.cel.problems import CostExceeded, EvaluationProblem

LOWEST, HIGHEST = -(2**63), 2**63 - 1


class Failure:
    """A condition, or a part of one, that has no value."""

    __slots__ = ("cause",)

    def __init__(self, cause: str) -> None:
        self.cause = cause


class ArithmeticProblem(Exception):
    """A whole number left 64 bits, or was divided by zero."""


def int64(value: int) -> int:
    """Return the value if it fits."""
    if LOWEST <= value <= HIGHEST:
        return value
    raise ArithmeticProblem("integer overflow")


def divide(left: int, right: int) -> int:
    """Divide towards zero."""
    if right == 0:
        raise ArithmeticProblem("divide by zero")
    quotient = abs(left) // abs(right)
    return int64(quotient if (left < 0) == (right < 0) else -quotient)


def modulo(left: int, right: int) -> int:
    """Return the remainder with the sign of the dividend."""
    if right == 0:
        raise ArithmeticProblem("modulus by zero")
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def quotient(left: float, right: float) -> float:
    """Divide doubles as IEEE 754 does: by zero is infinite or not a number."""
    if right:
        return left / right
    if left == 0 or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def interpreted(node: Node, scope: conditions.Scope) -> Callable[[Mapping[str, Any]], bool | Failure]:
    """Return a function that evaluates a part of a condition by the interpreter.

    A spent budget is not a value that `&&` may swallow: it leaves the program, which then asks the reference.
    """
    not_boolean = Failure(conditions.NOT_BOOLEAN)

    def evaluate(data: Mapping[str, Any]) -> bool | Failure:
        try:
            value = scope.value(node, data)
        except CostExceeded:
            raise
        except EvaluationProblem as problem:
            return Failure(scope.cause(problem))
        return value if isinstance(value, bool) else not_boolean

    return evaluate
