"""What can be wrong with an expression: it does not parse, does not check, or does not evaluate.

These are plain exceptions without HTTP or Django in them: the language knows nothing of the service around
it. Whoever offers expressions to a user turns them into the refusals of that door.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class SyntaxProblem(Exception):
    """The text is not an expression, or is larger than the limits allow."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(f"{line}:{column}: {message}")
        self.message = message
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One finding of the checker, at a place. `code` is stable, `message` is for people."""

    line: int
    column: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.message}"


class CheckProblems(Exception):
    """The expression cannot mean anything in its environment; `problems` has every finding, in order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class EvaluationProblem(Exception):
    """An expression had no value. The only exception that evaluation raises."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NoSuchOverload(EvaluationProblem):
    """A function or operator does not exist for the kinds of values that it was given."""


class MissingValue(EvaluationProblem):
    """A name or a field has no value; `path` is the dotted name that was asked for."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


class CostExceeded(EvaluationProblem):
    """Evaluation was stopped because it did more work than it was allowed to.

    Never absorbed by `&&`, `||` or a macro: a budget that could be swallowed would not be one.
    """
