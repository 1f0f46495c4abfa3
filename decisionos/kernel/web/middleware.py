"""Correlation, faults and the content security policy, around every request."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError, connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from decisionos.kernel import correlation, errors
from decisionos.kernel.web import problems

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class CorrelationMiddleware:
    """Take or make the correlation id and return it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve one request under its correlation id."""
        value = correlation.enter(request.headers.get(correlation.HEADER))
        response = self.get_response(request)
        response[correlation.HEADER] = value
        return response


class FaultMiddleware:
    """Refuse bodies past the limit before they are read; turn a dead database into 503."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve one request, or say what is the matter."""
        limit = self._limit(request)
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            length = 0
        if length > limit:
            return problems.response(
                errors.TooLarge(
                    f"The body has {length} bytes; at most {limit} are taken.", extra={"limit": limit}
                )
            )
        return self.get_response(request)

    @staticmethod
    def _limit(request: HttpRequest) -> int:
        path = request.path
        large = path.endswith("/batch") or "/simulate/" in path or "/packs" in path or "/backtests" in path
        if large or not path.startswith("/api/"):
            return int(settings.DOS_MAX_UPLOAD_BYTES)
        return int(settings.DOS_MAX_BODY_BYTES)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Render refusals that reach Django itself."""
        if isinstance(error, OperationalError | InterfaceError):
            for connection in connections.all(initialized_only=True):
                connection.close_if_unusable_or_obsolete()
            return problems.response(error)
        if isinstance(error, RequestDataTooBig):
            return problems.response(errors.TooLarge("The body is too large."))
        if isinstance(error, errors.DosError) or request.path.startswith("/api/"):
            return problems.response(error)
        return None


class ContentSecurityMiddleware:
    """A strict policy: own files only, and the one nonce of this response for inline scripts."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve one request and add the policy."""
        nonce = secrets.token_urlsafe(16)
        request.csp_nonce = nonce  # type: ignore[attr-defined]
        response = self.get_response(request)
        response.setdefault(
            "Content-Security-Policy",
            f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; "
            "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'",
        )
        response.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        return response
