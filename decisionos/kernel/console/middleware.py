"""Faults of pages as pages, before the API's handler would answer them as problem documents."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError, connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from decisionos.kernel import errors
from decisionos.kernel.console import failures


class ConsoleMiddleware:
    """Render what a page's view raises."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve one request; what depends on htmx or the language is cached apart."""
        response = self.get_response(request)
        if response.get("Content-Type", "").startswith("text/html"):
            response.headers.setdefault("Cache-Control", "no-store")
            vary = response.get("Vary", "")
            response["Vary"] = f"{vary}, HX-Request" if vary else "HX-Request"
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer refusals, a dead database and bodies past the limit."""
        if failures.wants_json(request):
            return None
        if isinstance(error, OperationalError | InterfaceError):
            for connection in connections.all(initialized_only=True):
                connection.close_if_unusable_or_obsolete()
            return failures.answer(request, error)
        if isinstance(error, RequestDataTooBig):
            return failures.answer(request, errors.TooLarge())
        if isinstance(error, errors.DosError):
            return failures.answer(request, error)
        return None
