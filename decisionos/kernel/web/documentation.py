"""How an operation is described in the OpenAPI document: what every one has in common is said here, once.

What must stay true: each refusal that the base of the views can give is described as a problem document; a
header that it reads is a parameter; a body that refuses unknown names says so.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from decisionos.kernel.web import bodies, problems

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
REFUSALS = {
    400: "The request is malformed.",
    401: "Nobody knows who asks.",
    403: "The one who asks may not.",
    404: "There is no such thing, or not for the one who asks.",
    406: "No representation is acceptable to the client.",
    409: "The present state does not allow it, or the Idempotency-Key belongs to another request.",
    412: "The state is not the one that If-Match names.",
    413: "The body is larger than what is taken.",
    415: "The body's media type is not taken.",
    422: "The content is not acceptable; each wrong field is named.",
    503: "Something that this needs does not answer.",
}
_PAGE = {"next", "previous", "results"}


def idempotency(most: int) -> OpenApiParameter:
    """Return the description of the Idempotency-Key, of at most so many characters."""
    return OpenApiParameter(
        "Idempotency-Key",
        {"type": "string", "minLength": 1, "maxLength": most, "pattern": r"^[!-~]([ -~]*[!-~])?$"},
        OpenApiParameter.HEADER,
        description="A repetition with the same key and body gets the first answer again, and has no effect.",
    )


_IDEMPOTENCY = idempotency(255)
_IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Write only if the state still has this ETag.",
)
_IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Answer 304 if the state still has this ETag.",
)
_CURSOR = [
    OpenApiParameter("cursor", OpenApiTypes.STR, description="where the page begins, from next or previous"),
    OpenApiParameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": 500, "default": 50},
        description="rows of a page",
    ),
]
_ETAG = {"ETag": {"schema": {"type": "string"}, "description": "Names this state.", "required": True}}


class FieldProblemSerializer(serializers.Serializer[Any]):
    """One wrong field."""

    pointer = serializers.CharField(allow_blank=True, help_text="JSON pointer to the field")
    message = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """What went wrong (RFC 9457); some kinds carry more members."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField(help_text="stable, for programs")
    instance = serializers.CharField(help_text="holds the correlation id")

    def get_fields(self) -> dict[str, Any]:
        """Add the one name that the base class has taken."""
        return {**super().get_fields(), "errors": FieldProblemSerializer(many=True, required=False)}


class OperationSchema(AutoSchema):
    """The description of one method of an ``ApiView``."""

    @property
    def _base(self) -> Any:
        """The view, as an ``ApiView``."""
        return self.view

    def get_override_parameters(self) -> list[Any]:
        """Add the headers that the base reads, and the cursor of a page."""
        found = list(super().get_override_parameters())
        named = {parameter.name for parameter in found if isinstance(parameter, OpenApiParameter)}
        return found + [parameter for parameter in self._common() if parameter.name not in named]

    def _common(self) -> list[OpenApiParameter]:
        if self.method == "GET":
            read = [_IF_NONE_MATCH] if self._answers_json() else []
            return [*_CURSOR, *read] if self._is_page() else read
        keyed = [_IDEMPOTENCY] if self._base.is_idempotent else []
        return [*keyed, _IF_MATCH] if self._base.has_state(self.method) else keyed

    def _get_paginator(self) -> None:
        """Say that no answer becomes a page by itself: each page names its own shape."""

    def _is_page(self) -> bool:
        found = self.get_response_serializers()
        fields: Any = getattr(found() if isinstance(found, type) else found, "fields", {})
        return set(fields) == _PAGE

    def _answers_json(self) -> bool:
        found = self.get_response_serializers()
        if not isinstance(found, dict):
            return True
        kinds = {code[1] if isinstance(code, tuple) else "application/json" for code in found}
        return "application/json" in kinds

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        found = super()._get_response_bodies(direction)
        if self.method == "GET" and self._answers_json():
            found.get("200", {}).setdefault("headers", {}).update(_ETAG)
            found["304"] = {"description": "The state still has the ETag that was named."}
        schema = self.resolve_serializer(ProblemSerializer, "response").ref
        for status in self._refusals():
            content = {problems.CONTENT_TYPE: {"schema": schema}}
            found.setdefault(str(status), {"description": REFUSALS[status], "content": content})
        return found

    def _refusals(self) -> list[int]:
        found = {400, 404, 406, 422, 503}
        if not self._base.is_public(self.method) or self.method in WRITES:
            found |= {401, 403}
        if self.method in WRITES:
            found |= {409, 413, 415}
        if self._base.has_state(self.method):
            found.add(412)
        return sorted(found)

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        # An open body is a standard's own, where a name without a value counts as left out.
        if isinstance(serializer, bodies.Body) and not serializer.is_open:
            schema["additionalProperties"] = False
            for name, field in serializer.fields.items():
                if isinstance(field, serializers.CharField) and not field.allow_blank:
                    schema["properties"][name].setdefault("minLength", 1)
        return schema
