"""The path form of naming an organization: ``/t/{tenant}/rest`` is ``/api/v1/rest`` with the tenant noted.

What must stay true: the name is only noted here; the door compares it with the caller's own organization and
with the header. It stands before the limits on bodies, so that they see the path that is served.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

# A second name inside the rest would be ignored by the comparison, so such a path is not rewritten at all.
_NAMED = re.compile(r"/(?:api/v1/)?t/(?P<tenant>[^/]+)/(?P<rest>(?!t/).+)", re.DOTALL)


class TenantPathMiddleware:
    """Serve the API under the path of an organization."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve one request, under the path without the organization."""
        match = _NAMED.fullmatch(request.path_info)
        if match is not None:
            prefix = request.path.removesuffix(request.path_info)
            request.tenant_in_path = match["tenant"]  # type: ignore[attr-defined]
            request.path_info = f"/api/v1/{match['rest']}"
            request.path = prefix + request.path_info
        return self.get_response(request)
