"""The door for pages: a signed-in person's organization is in force while a page is made.

The kernel does not know who belongs where; tenancy registers the answer at start-up. Where it refuses the
organization (a suspended one), the refusal is left on the request and no tenant is in force.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from decisionos.kernel import errors
from decisionos.kernel.tenants import scope

Resolver = Callable[[HttpRequest], uuid.UUID | None]
_resolvers: list[Resolver] = []
_left_out: list[str] = ["/api/", "/static/", "/metrics", "/healthz", "/readyz", "/livez"]


def answer_with(resolver: Resolver) -> None:
    """Register the function that names the organization of a page request."""
    _resolvers[:] = [resolver]


def leave_out(prefix: str) -> None:
    """Register addresses that open their own scopes, or none."""
    if prefix not in _left_out:
        _left_out.append(prefix)


def organization_of(request: HttpRequest) -> uuid.UUID | None:
    """Return the organization of a page request, or None; raises the refusal of a suspended one."""
    return _resolvers[0](request) if _resolvers else None


class PageScopeMiddleware:
    """Open the tenant scope for pages; the API opens its own after authentication."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve one request inside the person's organization, where one is chosen."""
        if request.path.startswith(tuple(_left_out)):
            return self.get_response(request)
        try:
            tenant = organization_of(request)
        except errors.Denied as refusal:
            # Signing out and choosing another organization stay open; every other page raises it.
            request.organization_refusal = refusal  # type: ignore[attr-defined]
            tenant = None
        if tenant is None:
            return self.get_response(request)
        with scope.tenant_scope(tenant):
            response = self.get_response(request)
            render = getattr(response, "render", None)
            if callable(render) and not getattr(response, "is_rendered", True):
                response = render()
            return response
