"""The base of every API view: authenticate, open the tenant scope, ask permission, act once.

A view names the permission of each method in ``required_permission`` (a text, or a dict by method). The
whole handler runs in one transaction of one tenant; a refusal rolls it back. ``Idempotency-Key`` on a write
returns the first answer again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from django.http import HttpRequest
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from decisionos.kernel import errors
from decisionos.kernel.idempotency import services as idempotency
from decisionos.kernel.ledger import acting
from decisionos.kernel.tenants import scope

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
DenialListener = Callable[[Request, errors.DosError], None]
_denial_listeners: list[DenialListener] = []


def on_denied(listener: DenialListener) -> None:
    """Register what happens when a request is refused with 401 or 403, after its transaction ended."""
    if listener not in _denial_listeners:
        _denial_listeners.append(listener)


class Cursor(CursorPagination):
    """Newest first, by time-ordered id; the page size is bounded."""

    page_size = 50
    max_page_size = 500
    page_size_query_param = "limit"
    ordering = "-id"


def _actor_of(request: Request) -> str:
    """Return how the one who asks is named in the ledger."""
    subject = getattr(request._request, "subject", None) or request.auth
    return str(getattr(subject, "actor", ""))


class ApiView(APIView):
    """A view of the API inside a tenant's scope.

    ``tenant_scoped = False`` is for the few endpoints that stand before any tenant (tokens, JWKS).
    """

    tenant_scoped: ClassVar[bool] = True
    required_permission: ClassVar[str | dict[str, str] | None] = None
    pagination_class = Cursor

    @contextlib.contextmanager
    def _scope(self, request: Request) -> Iterator[None]:
        subject = getattr(request, "subject", None) or getattr(request.auth, "subject", None) or request.auth
        tenant = getattr(subject, "tenant_id", None)
        if not self.tenant_scoped:
            yield
            return
        if tenant is None:
            # An unauthenticated request is refused by the permission check, which runs next.
            self.check_permissions(request)
            raise errors.Unauthenticated("Send an API key in X-Api-Key, or a bearer token.")
        with scope.tenant_scope(tenant):
            yield

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Serve one request; every exception becomes a problem document."""
        self.args, self.kwargs = args, kwargs
        wrapped = self.initialize_request(request, *args, **kwargs)
        self.request = wrapped
        self.headers = self.default_response_headers
        try:
            self.format_kwarg = self.get_format_suffix(**kwargs)
            negotiated = self.perform_content_negotiation(wrapped)
            wrapped.accepted_renderer, wrapped.accepted_media_type = negotiated
            if request.method == "OPTIONS":
                raise errors.NotFound()
            self.perform_authentication(wrapped)
            with self._scope(wrapped):
                self.initial(wrapped, *args, **kwargs)
                with acting.acting(_actor_of(wrapped)):
                    response = self._act(wrapped, *args, **kwargs)
        except Exception as error:  # noqa: BLE001  every error is told as a problem document
            response = self.handle_exception(error)
            self._tell_denied(wrapped, error)
        self.response = self.finalize_response(wrapped, response, *args, **kwargs)
        return self.response

    def _act(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        method = (request.method or "").lower()
        handler = getattr(self, method, self.http_method_not_allowed)
        if method not in self.http_method_names:
            handler = self.http_method_not_allowed
        key = request.headers.get("Idempotency-Key", "")
        if not key or request.method not in WRITES or not self.tenant_scoped:
            return handler(request, *args, **kwargs)
        fingerprint = idempotency.fingerprint(request.path, request._request.body)
        stored = idempotency.begin(key=key, fingerprint=fingerprint)
        if stored is not None:
            return Response(stored.body, status=stored.status, headers={"Idempotent-Replayed": "true"})
        response = handler(request, *args, **kwargs)
        if isinstance(response, Response) and response.status_code < 400:
            idempotency.finish(key=key, status=response.status_code, body=response.data)
        return response

    @staticmethod
    def _tell_denied(request: Request, error: BaseException) -> None:
        if isinstance(error, errors.Denied | errors.Unauthenticated):
            for listener in _denial_listeners:
                listener(request, error)

    def paginate(self, queryset: Any, serialize: Callable[[Any], Any]) -> Response:
        """Return one page of a queryset under the standard cursor."""
        paginator = self.pagination_class()
        page: list[Any] | None = paginator.paginate_queryset(queryset, self.request, view=self)
        return paginator.get_paginated_response([serialize(row) for row in page or []])
