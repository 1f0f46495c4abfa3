"""An input to try rules on, and the fields of a contract as an editor completes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policy.rules import conditions
from policy.rules.cel import types
from policy.rules.cel.types import Field, ListType, MapType, ObjectType


def sample_of(input_schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return an input with every declared field, each in the middle of what the contract allows."""
    scope = conditions.Scope(input_schema)
    return _object(_declared(scope))


def _declared(scope: conditions.Scope) -> dict[str, Field]:
    return {name: field for name, field in scope.environment.fields.items() if name != scope.root}


def _object(fields: Mapping[str, Field]) -> dict[str, Any]:
    return {name: _value(field) for name, field in fields.items()}


def _value(field: Field) -> Any:
    kind, domain = field.type, field.domain
    if domain is not None and domain.values:
        return domain.values[0]
    if isinstance(kind, ObjectType):
        return _object(kind.fields)
    if isinstance(kind, ListType):
        return []
    if isinstance(kind, MapType):
        return {}
    if kind == types.BOOL:
        return True
    if kind in (types.INT, types.UINT, types.DOUBLE):
        return _number(field, whole=kind != types.DOUBLE)
    if kind == types.TIMESTAMP:
        return "2026-01-01T00:00:00Z"
    return "" if kind == types.STRING else None


def _number(field: Field, *, whole: bool) -> float:
    low = field.domain.minimum if field.domain else None
    high = field.domain.maximum if field.domain else None
    if low is None and high is None:
        return 0
    if low is None or high is None:
        value = (low if low is not None else high) or 0
    else:
        # A wide range (money) is tried low in it: its middle is no amount anybody would recognise.
        value = (
            low + (high - low) / 2 if high - low <= 10_000 else low + min((high - low) / 10_000, 5_000_000)
        )
    return int(value) if whole else round(float(value), 4)


def nested(example: Mapping[str, Any]) -> dict[str, Any]:
    """Return an example by dotted path as an input."""
    result: dict[str, Any] = {}
    for path, value in example.items():
        *above, last = str(path).split(".")
        place = result
        for step in above:
            held = place.setdefault(step, {})
            place = held if isinstance(held, dict) else {}
        place[last] = value
    return result


def completed(example: Mapping[str, Any], input_schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return an example with the required fields that it does not name."""
    required = set(input_schema.get("required", ()))
    rest = {name: value for name, value in sample_of(input_schema).items() if name in required}
    return {**rest, **nested(example)}


def fields_of(input_schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every declared path with its type, what it allows and what it means; required ones first."""
    found = list(_fields(_declared(conditions.Scope(input_schema)), ""))
    needed = {field["path"] for field in found if field["required"] and "." not in field["path"]}
    return sorted(found, key=lambda field: field["path"].partition(".")[0] not in needed)


def _fields(fields: Mapping[str, Field], prefix: str) -> Any:
    for name, field in fields.items():
        path = f"{prefix}{name}"
        domain = field.domain
        yield {
            "path": path,
            "type": "object" if isinstance(field.type, ObjectType) else str(field.type),
            "required": field.required,
            "nullable": field.is_nullable,
            "description": field.description,
            "values": list(domain.values) if domain and domain.values else [],
            "minimum": domain.minimum if domain else None,
            "maximum": domain.maximum if domain else None,
        }
        if isinstance(field.type, ObjectType):
            yield from _fields(field.type.fields, f"{path}.")
