"""Runs cases in the format of the public conformance suite and says which ones fail, and why.

A case holds an expression, variables and what to expect: a value (compared with its type: 1 is not 1u) or
an error of whatever wording. Unless the case disables it, the expression is also type-checked first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from policy.rules.cel import types, values
from policy.rules.cel.checker import check
from policy.rules.cel.environment import Environment
from policy.rules.cel.functions import times
from policy.rules.cel.interpreter import interpret
from policy.rules.cel.parser import parse
from policy.rules.cel.problems import CheckProblems, EvaluationProblem, SyntaxProblem
from policy.rules.cel.types import ListType, MapType, Type

Case = Mapping[str, Any]
_PRIMITIVES: dict[str, Type] = {
    "primitive: INT64": types.INT,
    "primitive: UINT64": types.UINT,
    "primitive: DOUBLE": types.DOUBLE,
    "primitive: STRING": types.STRING,
    "primitive: BYTES": types.BYTES,
    "primitive: BOOL": types.BOOL,
    "null: NULL_VALUE": types.NULL,
    'message_type: "google.protobuf.Duration"': types.DURATION,
    'message_type: "google.protobuf.Timestamp"': types.TIMESTAMP,
    "well_known: DURATION": types.DURATION,
    "well_known: TIMESTAMP": types.TIMESTAMP,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that did not end as expected."""

    name: str
    expression: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class Report:
    """How many cases passed, and the others."""

    passed: int
    failures: list[Failure] = field(default_factory=list)

    @property
    def total(self) -> int:
        """The number of cases that were run."""
        return self.passed + len(self.failures)

    @property
    def share(self) -> float:
        """The part of the cases that passed, 1.0 where there were none."""
        return self.passed / self.total if self.total else 1.0


def run(cases: Iterable[Case]) -> Report:
    """Run every case."""
    passed = 0
    failures: list[Failure] = []
    for case in cases:
        actual = outcome(case)
        if _as_expected(case["expect"], actual):
            passed += 1
        else:
            name = "/".join(str(case.get(part, "")) for part in ("file", "section", "name"))
            failures.append(Failure(name, case["expr"], str(case["expect"]), repr(actual)))
    return Report(passed, failures)


def outcome(case: Case) -> Any:
    """Return the value of a case's expression, or the problem that it ended with."""
    environment = Environment(
        {name: read_type(text) for name, _, text in (item.partition(":") for item in case["type_env"])},
        container=case["container"],
    )
    bindings = {name: decode(value) for name, value in case["bindings"].items()}
    try:
        node = parse(case["expr"])
        if not case["disable_check"]:
            node = check(node, environment, source=case["expr"]).node
        return interpret(node, bindings, environment)
    except (SyntaxProblem, CheckProblems, EvaluationProblem) as problem:
        return problem


def decode(encoded: Mapping[str, Any]) -> Any:
    """Return a value from its typed JSON form."""
    ((kind, value),) = encoded.items()
    if kind == "list":
        return [decode(item) for item in value]
    if kind == "map":
        return values.build_map([(decode(key), decode(item)) for key, item in value])
    if kind == "double":
        return float(value)
    readers: dict[str, Callable[[Any], Any]] = {
        "int": int,
        "uint": values.Uint,
        "bytes": bytes.fromhex,
        "type": values.TypeValue,
        "duration": times.parse_duration,
        "timestamp": times.parse_timestamp,
    }
    return readers[kind](value) if kind in readers else value


def read_type(text: str) -> Type:
    """Return a type from the text form of its protobuf message; one that is not known is dynamic."""
    text = text.strip()
    if text in _PRIMITIVES:
        return _PRIMITIVES[text]
    for head in ("list_type", "map_type"):
        if text.startswith(head):
            parts = _parts(text.removeprefix(head).strip().removeprefix("{").removesuffix("}"))
            inner = [read_type(part) for part in parts]
            return ListType(inner[0]) if head == "list_type" else MapType(inner[0], inner[1])
    return types.DYN


def _parts(text: str) -> list[str]:
    """Return what stands inside each `name { ... }`."""
    parts, depth, start = [], 0, 0
    for place, character in enumerate(text):
        if character == "{":
            depth += 1
            if depth == 1:
                start = place + 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                parts.append(text[start:place])
    return parts


def _as_expected(expect: Mapping[str, Any], actual: Any) -> bool:
    failed = isinstance(actual, SyntaxProblem | CheckProblems | EvaluationProblem)
    if "error" in expect:
        return failed
    return not failed and same(decode(expect["value"]), actual)


def same(expected: Any, actual: Any) -> bool:
    """Say whether two values are equal and of the same types all the way down; NaN is the same as NaN."""
    if values.kind(expected) != values.kind(actual):
        return False
    if isinstance(expected, float) and math.isnan(expected):
        return math.isnan(actual)
    if isinstance(expected, float) and expected == 0:
        return bool(actual == 0 and math.copysign(1, actual) == math.copysign(1, expected))
    if isinstance(expected, list):
        return len(expected) == len(actual) and all(map(same, expected, actual))
    if isinstance(expected, dict):
        return expected.keys() == actual.keys() and all(same(v, actual[k]) for k, v in expected.items())
    return values.equal(expected, actual)
