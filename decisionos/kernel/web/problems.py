"""Problem documents (RFC 9457) for everything that goes wrong over HTTP."""

from __future__ import annotations

import logging
from typing import Any

import orjson
from django.core import exceptions as django_exceptions
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from rest_framework import exceptions
from rest_framework.response import Response

from decisionos.kernel import correlation, errors

CONTENT_TYPE = "application/problem+json"
_log = logging.getLogger("decisionos.error")


class MethodNotAllowed(errors.BadRequest):
    """The address knows other verbs; ``allow`` names them."""

    status = 405
    code = "method_not_allowed"
    title = "This method is not offered here"

    def __init__(self, method: str, *, allow: tuple[str, ...] = ()) -> None:
        super().__init__(f"{method} is not offered here.")
        self.allow = allow


class UnsupportedMediaType(errors.BadRequest):
    """The body's media type is not taken."""

    status = 415
    code = "unsupported_media_type"
    title = "This media type is not taken"


class NotAcceptable(errors.BadRequest):
    """The client takes nothing that is offered."""

    status = 406
    code = "not_acceptable"
    title = "No representation is acceptable to the client"


_KINDS: dict[int, type[errors.DosError]] = {
    400: errors.BadRequest,
    401: errors.Unauthenticated,
    403: errors.Denied,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.TooLarge,
    422: errors.Invalid,
    429: errors.Throttled,
    503: errors.Unavailable,
}


def _pointers(detail: Any, prefix: str = "") -> list[dict[str, str]]:
    if isinstance(detail, dict):
        found: list[dict[str, str]] = []
        for key, value in detail.items():
            name = "" if key == "non_field_errors" else "/" + str(key).replace("~", "~0").replace("/", "~1")
            found += _pointers(value, prefix + name)
        return found
    if isinstance(detail, list):
        if all(isinstance(item, str) for item in detail):
            return [{"pointer": prefix, "message": str(item)} for item in detail]
        return [entry for index, item in enumerate(detail) for entry in _pointers(item, f"{prefix}/{index}")]
    return [{"pointer": prefix, "message": str(detail)}]


def from_exception(error: BaseException) -> errors.DosError:
    """Return the refusal that an exception means; an unknown one becomes an internal error."""
    if isinstance(error, errors.DosError):
        return error
    if isinstance(error, exceptions.ValidationError):
        return errors.Invalid("Some fields are not acceptable.", errors=_pointers(error.detail))
    if isinstance(error, exceptions.MethodNotAllowed):
        return MethodNotAllowed("This method")
    if isinstance(error, exceptions.UnsupportedMediaType):
        return UnsupportedMediaType(str(error.detail))
    if isinstance(error, exceptions.NotAcceptable):
        return NotAcceptable(str(error.detail))
    if isinstance(error, exceptions.APIException):
        return _KINDS.get(error.status_code, errors.BadRequest)(str(error.detail))
    if isinstance(error, Http404):
        return errors.NotFound()
    if isinstance(error, django_exceptions.PermissionDenied):
        return errors.Denied()
    if isinstance(error, django_exceptions.RequestDataTooBig):
        return errors.TooLarge("The body is larger than what is taken.")
    if isinstance(error, django_exceptions.DisallowedHost):
        return errors.BadRequest("This host is not served here.", code="host_refused")
    if isinstance(
        error,
        django_exceptions.SuspiciousOperation | django_exceptions.BadRequest | MultiPartParserError,
    ):
        return errors.BadRequest("The request cannot be read.")
    if isinstance(error, OperationalError | InterfaceError):
        return errors.Unavailable(
            "The database does not answer. Try again shortly.", code="database_unavailable"
        )
    _log.error("unhandled error", exc_info=error)
    return errors.DosError("The error was recorded under the correlation id.")


def body(refusal: errors.DosError) -> dict[str, Any]:
    """Return the document of a refusal, with the correlation id as its instance."""
    return {**refusal.as_problem(), "instance": f"urn:correlation:{correlation.current()}"}


def _headers(refusal: errors.DosError) -> dict[str, str]:
    if refusal.status == 401:
        return {"WWW-Authenticate": 'Bearer realm="decisionos"'}
    if isinstance(refusal, MethodNotAllowed) and refusal.allow:
        return {"Allow": ", ".join(refusal.allow)}
    if refusal.status in {429, 503}:
        return {"Retry-After": str(refusal.extra.get("retry_after", 1))}
    return {}


def response(error: BaseException) -> HttpResponse:
    """Return a plain Django response for an exception."""
    refusal = from_exception(error)
    return HttpResponse(
        orjson.dumps(body(refusal)),
        status=refusal.status,
        content_type=CONTENT_TYPE,
        headers=_headers(refusal),
    )


def handle(error: Exception, context: dict[str, Any]) -> Response:
    """Return DRF's response for an exception; installed as its exception handler."""
    refusal = from_exception(error)
    answer = Response(body(refusal), status=refusal.status, headers=_headers(refusal))
    answer.content_type = CONTENT_TYPE
    return answer


def is_for_programs(request: HttpRequest) -> bool:
    """Return whether the one who asks is a program, which reads problem documents and no pages."""
    return request.path.startswith(("/api/", "/t/"))
