"""Correlation, faults and the content security policy, around every request."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from urllib.parse import parse_qsl

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.db import InterfaceError, OperationalError, connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from decisionos.kernel import correlation, errors
from decisionos.kernel.web import bodies, problems

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
        if problems.is_for_programs(request):
            unreadable = _unreadable(request)
            if unreadable is not None:
                return problems.response(unreadable)
        limit = self._limit(request)
        given = request.META.get("CONTENT_LENGTH") or "0"
        length = int(given) if given.isascii() and given.isdigit() else 0
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
        if isinstance(error, errors.DosError) or problems.is_for_programs(request):
            return problems.response(error)
        return None


def _unreadable(request: HttpRequest) -> errors.DosError | None:
    """Return why no view should see a request: an address, a host or a length that is none."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()):
        return errors.BadRequest("Content-Length is not a number.")
    try:
        # Whoever reads pages is asked by Django's own layers, which let programs past.
        request.get_host()
    except DisallowedHost as error:
        return problems.from_exception(error)
    if request.method == "OPTIONS" or "\x00" in request.path_info:
        # What may be asked where is told by the published document alone.
        return errors.NotFound()
    query = request.META.get("QUERY_STRING", "")
    if "%00" not in query and "\x00" not in query:
        return None
    wrong = [name for name, value in parse_qsl(query, keep_blank_values=True) if "\x00" in name + value]
    told = [
        {"pointer": f"/{bodies.escaped(name)}".replace("\x00", ""), "message": "holds a null character"}
        for name in wrong
    ]
    return bodies.NullCharacter("A parameter is not acceptable.", errors=told)


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
