"""A rule's condition, parsed and checked against a contract's input, and what can be read off it.

What must stay true: a condition that does not parse, does not check or is not true-or-false never becomes a
`Condition`; the paths and comparisons found here are what a trace shows and what a flip is searched on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from decisionos.kernel.errors import Invalid
from policy.rules import cel, rendering
from policy.rules.cel import problems, schema, types
from policy.rules.cel.ast import Call, Ident, Literal, Macro, Node, Select, children, dotted_name, walk
from policy.rules.cel.environment import Environment
from policy.rules.cel.types import Field, ObjectType
from policy.rules.rulesets import Rule, Ruleset

COMPARISONS = ("_<_", "_<=_", "_>_", "_>=_", "_==_", "_!=_")
MISSING_PREFIX = "missing: "
NOT_BOOLEAN = "error: the condition is not true or false"
ROOT = "input"
"""The whole input under one name, so that `has(input.region)` can ask for a top-level field."""


class _Missing:
    """The mark for a value that is not there; None is a value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


class RuleInvalid(Invalid):
    """A condition is not an expression over the contract's input."""

    code = "rule_invalid"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison of two numbers within a condition; `threshold` where its right side is a constant."""

    text: str
    operator: str
    left: Node
    right: Node
    threshold: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """One rule, ready to be evaluated. Compared by identity."""

    ruleset: str
    rule: Rule
    node: Node
    paths: tuple[str, ...]
    comparisons: tuple[Comparison, ...]


class Scope:
    """The input of a contract as the rules see it."""

    def __init__(self, json_schema: Mapping[str, Any]) -> None:
        named = ROOT not in json_schema.get("properties", {})
        self.json_schema = json_schema
        self.root = ROOT if named else None
        self.environment: Environment = schema.environment(json_schema, root=self.root)

    def bindings(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the variables of an input."""
        bound = self.environment.bind(data)
        if self.root is not None:
            bound[self.root] = dict(bound)
        return bound

    def value(self, node: Node, data: Mapping[str, Any]) -> Any:
        """Evaluate by the interpreter. Raises EvaluationProblem."""
        return cel.interpret(node, self.bindings(data), self.environment)

    def cause(self, problem: problems.EvaluationProblem) -> str:
        """Return why a rule could not be evaluated."""
        if isinstance(problem, problems.MissingValue):
            return MISSING_PREFIX + self.plain(problem.path)
        return f"error: {problem}"

    def plain(self, path: str) -> str:
        """Return the path without a leading dot and without the name of the whole input."""
        path = path.lstrip(".")
        if self.root is not None and path.startswith(f"{self.root}."):
            return path[len(self.root) + 1 :]
        return path

    def fields(self, path: str) -> tuple[Field, ...] | None:
        """Return the field of every step of a declared path; None for what is not declared."""
        known: Mapping[str, Field] = self.environment.fields
        found: list[Field] = []
        for step in path.split("."):
            if step not in known:
                return None
            found.append(known[step])
            kind = known[step].type
            known = kind.fields if isinstance(kind, ObjectType) else {}
        return tuple(found)

    def parse(self, source: str) -> Node:
        """Parse and check a condition. Raises RuleInvalid."""
        node, kind = self.parse_value(source)
        if kind not in (types.BOOL, types.DYN):
            raise RuleInvalid(f"is {kind}, must be true or false")
        return node

    def parse_value(self, source: str) -> tuple[Node, types.Type]:
        """Parse and check an expression of any type. Raises RuleInvalid."""
        try:
            checked = cel.check(cel.parse(source), self.environment)
        except problems.SyntaxProblem as error:
            raise RuleInvalid(f"column {error.column}: {error.message}") from error
        except problems.CheckProblems as error:
            raise RuleInvalid(str(error)) from error
        return checked.node, checked.type


def prepare(ruleset: Ruleset, scope: Scope) -> tuple[Condition, ...]:
    """Return the ruleset's conditions in order of evaluation. Raises RuleInvalid naming every wrong rule."""
    found: dict[str, Node] = {}
    wrong: list[dict[str, Any]] = []
    for place, rule in enumerate(ruleset.rules):
        try:
            found[rule.when] = scope.parse(rule.when)
        except RuleInvalid as error:
            where = {"pointer": f"/rules/{place}/when", "line": rule.line, "rule": rule.name}
            wrong.append({**where, "message": error.detail})
    if wrong:
        first = wrong[0]
        raise RuleInvalid(f"{ruleset.name}, rule {first['rule']}: {first['message']}", errors=wrong)
    return tuple(
        Condition(ruleset.name, rule, node, tuple(paths_of(node, scope)), tuple(comparisons_of(node, scope)))
        for rule in ruleset.ordered()
        for node in (found[rule.when],)
    )


def paths_of(node: Node, scope: Scope) -> list[str]:
    """Return the declared input fields that an expression reads, in source order, each once."""
    return list(dict.fromkeys(_paths(node, scope, frozenset())))


def _paths(node: Node, scope: Scope, bound: frozenset[str]) -> Iterator[str]:
    name = dotted_name(node)
    if name is None and isinstance(node, Select) and node.test:
        name = dotted_name(Select(node.operand, node.field))
    if name is not None:
        path = scope.plain(name)
        while path and path.partition(".")[0] not in bound:
            if scope.fields(path) is not None:
                yield path
                return
            path = path.rpartition(".")[0]
        return
    if isinstance(node, Macro):
        yield from _paths(node.target, scope, bound)
        for argument in node.args:
            yield from _paths(argument, scope, bound | set(node.variables))
        return
    for child in children(node):
        yield from _paths(child, scope, bound)


def comparisons_of(node: Node, scope: Scope) -> list[Comparison]:
    """Return the comparisons of numbers outside of macros, in source order."""
    found: list[Comparison] = []
    if isinstance(node, Macro):
        return found
    if isinstance(node, Call) and node.function in COMPARISONS:
        left, right = node.args
        if is_numeric(left, scope) and is_numeric(right, scope):
            value = right.value if isinstance(right, Literal) else None
            threshold = float(value) if isinstance(value, int | float) else None
            found.append(Comparison(rendering.text(node), node.function, left, right, threshold))
            return found
    for child in children(node):
        found.extend(comparisons_of(child, scope))
    return found


def is_numeric(node: Node, scope: Scope) -> bool:
    """Say whether an expression is, by its form, a number made of declared fields."""
    if isinstance(node, Literal):
        return node.kind in ("int", "uint", "double")
    if isinstance(node, Call):
        if node.function in ("_+_", "_-_", "_*_", "_/_", "_%_", "-_", "double", "int"):
            return all(is_numeric(argument, scope) for argument in node.args)
        return node.function == "size"
    if isinstance(node, Ident | Select):
        name = dotted_name(node)
        fields = scope.fields(scope.plain(name)) if name else None
        return fields is not None and fields[-1].type in types.NUMBERS
    return False


def value_at(data: Any, path: str) -> Any:
    """Return the raw value at a dotted path, or MISSING."""
    for step in path.split("."):
        if not isinstance(data, Mapping) or step not in data:
            return MISSING
        data = data[step]
    return data


def distance(comparison: Comparison, data: Mapping[str, Any], scope: Scope) -> float | None:
    """Return left minus right, or None where either has no value."""
    try:
        left = scope.value(comparison.left, data)
        right = scope.value(comparison.right, data)
        return float(left - right)
    except (problems.EvaluationProblem, OverflowError, TypeError):
        return None


def literals_of(node: Node) -> list[Literal]:
    """Return every constant in an expression."""
    return [found for found in walk(node) if isinstance(found, Literal)]
