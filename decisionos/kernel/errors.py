"""The few kinds of refusal. Sub-domains derive nouns from them; one handler renders them everywhere.

A refusal becomes problem+json over HTTP, a message in the admin, an exit code of ``dosctl``.
"""

from __future__ import annotations

from typing import Any, ClassVar


class DosError(Exception):
    """A refusal with a stable code; ``errors`` names wrong fields by JSON pointer."""

    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 5
    code: str = "internal_error"
    title: ClassVar[str] = "Something went wrong"

    def __init__(
        self,
        detail: str = "",
        *,
        code: str | None = None,
        errors: list[dict[str, Any]] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        if code is not None:
            self.code = code
        self.errors = errors or []
        self.extra = extra or {}

    def as_problem(self) -> dict[str, Any]:
        """Return the body of an RFC 9457 problem document, without the instance."""
        body: dict[str, Any] = {
            "type": f"urn:decisionos:error:{self.code}",
            "title": str(self.title),
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.errors:
            body["errors"] = self.errors
        body.update(self.extra)
        return body


class Invalid(DosError):
    """The request is well-formed, its content is not acceptable."""

    status = 422
    exit_code = 4
    code = "invalid"
    title = "The content is not acceptable"


class BadRequest(DosError):
    """The request itself is malformed."""

    status = 400
    exit_code = 4
    code = "bad_request"
    title = "The request is malformed"


class Unauthenticated(DosError):
    """Nobody knows who asks."""

    status = 401
    exit_code = 3
    code = "unauthenticated"
    title = "Authentication is required"


class Denied(DosError):
    """The one who asks may not."""

    status = 403
    exit_code = 3
    code = "denied"
    title = "Not permitted"


class NotFound(DosError):
    """There is no such thing, or not for the one who asks."""

    status = 404
    exit_code = 4
    code = "not_found"
    title = "Not found"


class Conflict(DosError):
    """The present state does not allow it."""

    status = 409
    exit_code = 4
    code = "conflict"
    title = "The present state does not allow this"


class TooLarge(DosError):
    """More bytes than are taken."""

    status = 413
    exit_code = 4
    code = "too_large"
    title = "The body is too large"


class Throttled(DosError):
    """Too much, too fast, or nothing left."""

    status = 429
    exit_code = 2
    code = "throttled"
    title = "Too many requests"


class Unavailable(DosError):
    """Something that this needs does not answer."""

    status = 503
    exit_code = 5
    code = "unavailable"
    title = "Temporarily unavailable"
