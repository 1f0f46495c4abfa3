"""Reading what a request carries: JSON within bounds, and bodies that say exactly what they mean.

What must stay true: a body that cannot be stored or hashed (not UTF-8, a null character, half a surrogate,
a number past every bound, nesting without end) is refused at the door and never becomes a 500; a field that
nobody knows, or of another type, is named instead of being dropped or guessed at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import orjson
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from decisionos.kernel import errors

MOST_DEPTH = 100


class JsonInvalid(errors.BadRequest):
    """The body is not JSON that can be kept."""

    code = "json_invalid"
    title = "The body is not valid JSON"


class NullCharacter(errors.Invalid):
    """A text holds a character that no text may hold."""

    code = "null_character"
    title = "A text holds a null character"


def escaped(name: object) -> str:
    """Return one step of a JSON pointer."""
    return str(name).replace("~", "~0").replace("/", "~1")


def _children(value: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        return ((f"{pointer}/{escaped(key)}", item) for key, item in value.items())
    return ((f"{pointer}/{index}", item) for index, item in enumerate(value))


def _check(value: Any) -> None:
    """Refuse null characters and endless nesting; without recursion, which has an end of its own."""
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]
    while waiting:
        pointer, found, depth = waiting.pop()
        if isinstance(found, str):
            if "\x00" in found:
                raise NullCharacter(errors=[{"pointer": pointer, "message": "holds a null character"}])
            continue
        if not isinstance(found, dict | list):
            continue
        if depth >= MOST_DEPTH:
            raise JsonInvalid(f"At most {MOST_DEPTH} levels of nesting are taken.")
        if isinstance(found, dict) and any("\x00" in key for key in found):
            raise NullCharacter(errors=[{"pointer": pointer, "message": "has a name with a null character"}])
        waiting.extend((place, item, depth + 1) for place, item in _children(found, pointer))


def loads(raw: bytes) -> Any:
    """Return what a JSON text says; raises JsonInvalid, NullCharacter."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise JsonInvalid("The body is not valid JSON in UTF-8.") from error
    if b"\\u0000" in raw or raw.count(b"[") + raw.count(b"{") > MOST_DEPTH:
        _check(value)
    return value


class JsonParser(BaseParser):
    """JSON in UTF-8, read strictly."""

    media_type = "application/json"

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the body's value."""
        return loads(stream.read())


def _expected(field: Any) -> str:
    """Return what is wrong to say of a value that is no JSON value of this field's type."""
    if isinstance(field, serializers.BooleanField):
        return "must be true or false"
    if isinstance(field, serializers.IntegerField):
        return "must be a whole number"
    if isinstance(field, serializers.FloatField | serializers.DecimalField):
        return "must be a number"
    return "must be a text"


def _fits(field: Any, value: Any) -> bool:
    if isinstance(field, serializers.BooleanField):
        return isinstance(value, bool)
    if isinstance(field, serializers.IntegerField):
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return whole and not isinstance(value, bool)
    if isinstance(field, serializers.FloatField | serializers.DecimalField):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)


def _problems(field: Any, value: Any) -> Any:
    """Return what is wrong with a value's JSON type, shaped as DRF shapes its errors; empty for nothing."""
    if value is None or isinstance(
        field, serializers.JSONField | serializers.DictField | serializers.FileField
    ):
        return None
    if isinstance(field, serializers.BaseSerializer):
        return None  # asks for itself when it reads its part
    if isinstance(field, serializers.ListField):
        if not isinstance(value, list):
            return None  # the list says so itself
        found = {index: told for index, item in enumerate(value) if (told := _problems(field.child, item))}
        return found or None
    return None if _fits(field, value) else [_expected(field)]


class Body(serializers.Serializer[Any]):
    """A body as it is asked for. Unknown names and other JSON types are refused, field by field.

    ``is_open = True`` is for a standard's own body, which ignores names that it does not know. Forms carry
    only texts, so there the types are left to the fields.
    """

    is_open: ClassVar[bool] = False

    def to_internal_value(self, data: Any) -> Any:
        """Read the fields; raises ValidationError naming each wrong one."""
        if isinstance(data, Mapping):
            wrong: dict[str, Any] = {}
            if not self.is_open:
                wrong = {name: ["is not a field here"] for name in _unknown(data, self.fields)}
            if not isinstance(data, QueryDict):
                for name, field in self.fields.items():
                    told = _problems(field, data.get(name)) if name in data else None
                    if told:
                        wrong[name] = told
            if wrong:
                raise serializers.ValidationError(wrong)
        return super().to_internal_value(data)


def _unknown(data: Mapping[str, Any], fields: Mapping[str, Any]) -> Iterable[str]:
    return sorted(str(name) for name in data if name not in fields)


def read(request: Request, body: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """Return the body of a request, checked; raises ValidationError."""
    asked = body(data=request.data)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)
