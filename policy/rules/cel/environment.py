"""What an expression is checked and evaluated against: its variables and where names are looked up.

`bind` turns JSON data into values of the declared types. It is what makes a JSON `number` of 1 a double and
a date-time string a timestamp, so that evaluation sees exactly the types that were checked. It never
invents a value: an absent field stays absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from policy.rules.cel import types, values
from policy.rules.cel.functions import times
from policy.rules.cel.problems import EvaluationProblem
from policy.rules.cel.types import Domain, Field, ListType, MapType, ObjectType, Type


@dataclass(frozen=True)
class Environment:
    """Variables with their types, and the container (dotted prefix) that names are looked up in first.

    `fields` adds, for variables that come from a contract, whether they are required and what they allow.
    """

    variables: Mapping[str, Type] = field(default_factory=dict)
    container: str = ""
    fields: Mapping[str, Field] = field(default_factory=dict)

    def domain(self, name: str) -> Domain | None:
        """Return the allowed values of a variable, where they are known."""
        found = self.fields.get(name)
        return None if found is None else found.domain

    def is_required(self, name: str) -> bool:
        """Say whether a variable always has a value; one without contract has."""
        found = self.fields.get(name)
        return True if found is None else found.required

    def bind(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of the variables from JSON data. Raises EvaluationProblem."""
        try:
            return {
                name: from_json(value, self.variables.get(name, types.DYN)) for name, value in data.items()
            }
        except RecursionError as error:
            raise EvaluationProblem("the data is nested too deeply") from error


def candidates(name: str, container: str) -> Iterator[str]:
    """Yield the full names that a name may mean, innermost container first; a leading dot means the root."""
    if name.startswith("."):
        yield name[1:]
        return
    while container:
        yield f"{container}.{name}"
        container = container.rpartition(".")[0]
    yield name


def from_json(value: Any, expected: Type = types.DYN) -> Any:
    """Return JSON data as a value of the expected type; what does not fit is left to evaluation."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return _number(value, expected)
    if isinstance(value, str):
        return times.parse_timestamp(value) if expected == types.TIMESTAMP else value
    if isinstance(value, list | tuple):
        element = expected.element if isinstance(expected, ListType) else types.DYN
        return [from_json(item, element) for item in value]
    if isinstance(value, Mapping):
        return {key: from_json(item, _member(expected, key)) for key, item in value.items()}
    return value


def _member(expected: Type, key: str) -> Type:
    if isinstance(expected, ObjectType):
        found = expected.fields.get(key)
        return types.DYN if found is None else found.type
    return expected.value if isinstance(expected, MapType) else types.DYN


def _number(value: int | float, expected: Type) -> Any:
    if expected == types.DOUBLE:
        try:
            return float(value)
        except OverflowError as error:
            raise EvaluationProblem("a number is too large for a double") from error
    if expected == types.INT and isinstance(value, float) and value.is_integer():
        return values.int64(int(value))
    if isinstance(value, int) and not isinstance(value, values.Uint):
        return values.int64(value)
    return value
