"""Notes when a signed-in person was last here, so that they can see and end their sessions."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from decisionos.kernel import clock
from decisionos.kernel.web import problems
from tenancy.identity import signing_in


class SessionWatchMiddleware:
    """Note a person's presence; programs with keys have no session and cost nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve one request."""
        user = getattr(request, "user", None)
        if not problems.is_for_programs(request) and user is not None and user.is_authenticated:
            signing_in.seen(request, now=clock.now())
        return self.get_response(request)
