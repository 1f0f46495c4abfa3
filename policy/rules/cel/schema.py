"""A JSON Schema as an environment of the rule language.

Properties become variables. `integer` is int, `number` is double, `string` with format date-time is a
timestamp. Whatever the schema leaves open (no type, several types, a recursive reference) is dynamic: the
language then checks it when evaluating, it never guesses. A union with null keeps its type and may be
compared with null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policy.rules.cel import types
from policy.rules.cel.environment import Environment
from policy.rules.cel.types import Domain, Field, ListType, MapType, ObjectType, Type

_SCALARS: dict[str, Type] = {
    "integer": types.INT,
    "number": types.DOUBLE,
    "string": types.STRING,
    "boolean": types.BOOL,
    "null": types.NULL,
}
Schema = Mapping[str, Any]


def environment(json_schema: Schema, *, root: str | None = None) -> Environment:
    """Return the environment of an object schema.

    `root` also names a variable for the whole object, so that `has(root.field)` can ask for an optional one.
    """
    whole = object_type(json_schema, name=root or "input")
    fields = dict(whole.fields)
    if root is not None:
        fields[root] = Field(whole)
    return Environment({name: found.type for name, found in fields.items()}, fields=fields)


def object_type(json_schema: Schema, *, name: str = "input") -> ObjectType:
    """Return the object type of an object schema."""
    return _Reader(json_schema).object(json_schema, name, ())


class _Reader:
    def __init__(self, document: Schema) -> None:
        self.document = document

    def object(self, schema: Schema, name: str, trail: tuple[str, ...]) -> ObjectType:
        required = set(schema.get("required", ()))
        return ObjectType(
            name,
            {
                key: self.field(value, f"{name}.{key}", key in required, trail)
                for key, value in schema.get("properties", {}).items()
            },
        )

    def field(self, schema: Any, name: str, required: bool, trail: tuple[str, ...]) -> Field:
        schema, trail = self.resolve(schema, trail)
        kinds = _kinds(schema)
        return Field(
            self.type(schema, name, trail),
            required=required,
            is_nullable="null" in kinds or None in (schema.get("enum") or ()),
            domain=_domain(schema),
            description=str(schema.get("description") or schema.get("title") or ""),
        )

    def resolve(self, schema: Any, trail: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
        """Follow `$ref` within the document; a circle or an unknown target is left open."""
        while isinstance(schema, Mapping) and "$ref" in schema:
            reference = str(schema["$ref"])
            if reference in trail or not reference.startswith("#"):
                return {}, trail
            trail = (*trail, reference)
            schema = self.target(reference)
        return (schema if isinstance(schema, Mapping) else {}), trail

    def target(self, reference: str) -> Any:
        found: Any = self.document
        for part in reference.lstrip("#").strip("/").split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or key not in found:
                return {}
            found = found[key]
        return found

    def type(self, schema: Schema, name: str, trail: tuple[str, ...]) -> Type:
        kinds = [kind for kind in _kinds(schema) if kind != "null"] or _kinds(schema)
        if len(kinds) != 1:
            return types.DOUBLE if set(kinds) == {"integer", "number"} else types.DYN
        kind = kinds[0]
        if kind == "string" and schema.get("format") == "date-time":
            return types.TIMESTAMP
        if kind == "array":
            items, trail = self.resolve(schema.get("items", {}), trail)
            return ListType(self.type(items, f"{name}[]", trail))
        if kind == "object":
            if schema.get("properties"):
                return self.object(schema, name, trail)
            rest, trail = self.resolve(schema.get("additionalProperties", {}), trail)
            return MapType(types.STRING, self.type(rest, f"{name}.*", trail))
        return _SCALARS.get(kind, types.DYN)


def _kinds(schema: Schema) -> list[str]:
    declared = schema.get("type")
    if isinstance(declared, str):
        return [declared]
    if isinstance(declared, list):
        return [str(kind) for kind in declared]
    allowed = [schema["const"]] if "const" in schema else schema.get("enum")
    if allowed:
        return sorted({_kind_of(value) for value in allowed})
    return ["object"] if "properties" in schema else []


def _kind_of(value: Any) -> str:
    for python_type, kind in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string")):
        if isinstance(value, python_type):
            return kind
    return "null" if value is None else "object" if isinstance(value, Mapping) else "array"


def _domain(schema: Schema) -> Domain | None:
    if "const" in schema:
        return Domain(values=(schema["const"],))
    if schema.get("enum"):
        return Domain(values=tuple(schema["enum"]))
    low, is_low_exclusive = _bound(schema, "minimum", "exclusiveMinimum", max)
    high, is_high_exclusive = _bound(schema, "maximum", "exclusiveMaximum", min)
    if low is None and high is None:
        return None
    return Domain(None, low, high, is_low_exclusive, is_high_exclusive)


def _bound(schema: Schema, inclusive: str, exclusive: str, tighter: Any) -> tuple[float | None, bool]:
    closed, opened = schema.get(inclusive), schema.get(exclusive)
    if isinstance(opened, bool) or opened is None:
        return closed, bool(opened)
    if closed is None or tighter(closed, opened) == opened:
        return opened, True
    return closed, False
