"""The base of every API view: authenticate, open the tenant scope, ask permission, act once.

A view names the permission of each method in ``required_permission`` (a text, or a dict by method). The
whole handler runs in one transaction of one tenant; a refusal rolls it back. ``Idempotency-Key`` on a write
returns the first answer again. What is read carries an ``ETag``; a write under ``If-Match`` happens only to
the state that was named.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.cache import patch_vary_headers
from rest_framework.pagination import Cursor as Position
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from decisionos.kernel import errors
from decisionos.kernel.idempotency import services as idempotency
from decisionos.kernel.ledger import acting
from decisionos.kernel.tenants import scope
from decisionos.kernel.web import bodies, documentation, preconditions

WRITES = documentation.WRITES
DenialListener = Callable[[Request, errors.DosError], None]
_denial_listeners: list[DenialListener] = []


def on_denied(listener: DenialListener) -> None:
    """Register what happens when a request is refused with 401 or 403, after its transaction ended."""
    if listener not in _denial_listeners:
        _denial_listeners.append(listener)


def tell_denied(request: Request | HttpRequest, error: BaseException) -> None:
    """Tell the listeners of a refusal, where it is one of the kinds that they hear."""
    if isinstance(error, errors.Denied | errors.Unauthenticated):
        wrapped = request if isinstance(request, Request) else Request(request)
        for listener in _denial_listeners:
            listener(wrapped, error)


class CursorInvalid(errors.Invalid):
    """The page asked for is none that was offered."""

    code = "cursor_invalid"
    title = "There is no such page"


class Cursor(CursorPagination):
    """Newest first, by time-ordered id; the page size is bounded."""

    page_size = 50
    max_page_size = 500
    page_size_query_param = "limit"
    ordering = "-id"

    def get_page_size(self, request: Request) -> int:
        """Return the rows of a page; raises CursorInvalid."""
        raw = request.query_params.get(self.page_size_query_param)
        if raw is None:
            return self.page_size
        if not (raw.isascii() and raw.isdigit() and len(raw) < 6 and 1 <= int(raw) <= self.max_page_size):
            told = f"must be a whole number from 1 to {self.max_page_size}"
            raise CursorInvalid(errors=[{"pointer": "/limit", "message": told}])
        return int(raw)

    def decode_cursor(self, request: Request) -> Position | None:
        """Return where the page begins; raises CursorInvalid."""
        try:
            return super().decode_cursor(request)
        except Exception as error:
            raise _no_page() from error

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """Return the rows of a page; raises CursorInvalid for a position that is no id."""
        try:
            found: list[Any] | None = super().paginate_queryset(queryset, request, view)
        except (ValidationError, ValueError) as error:
            raise _no_page() from error
        return found


def _no_page() -> CursorInvalid:
    told = "must be one that next or previous gave"
    return CursorInvalid(errors=[{"pointer": "/cursor", "message": told}])


def _actor_of(request: Request) -> str:
    """Return how the one who asks is named in the ledger."""
    subject = getattr(request._request, "subject", None) or request.auth
    return str(getattr(subject, "actor", ""))


class ApiView(APIView):
    """A view of the API inside a tenant's scope.

    ``tenant_scoped = False`` is for the few endpoints that stand before any tenant (tokens, JWKS), or that
    open more than one. ``is_idempotent = False`` is for a write that keeps nothing, where a kept answer would
    be the only copy of a secret.
    """

    tenant_scoped: ClassVar[bool] = True
    is_idempotent: ClassVar[bool] = True
    required_permission: ClassVar[str | dict[str, str] | None] = None
    pagination_class = Cursor
    parser_classes = [bodies.JsonParser]

    @classmethod
    def is_public(cls, method: str) -> bool:
        """Return whether a method asks for no key."""
        required = cls.required_permission
        return (required.get(method) if isinstance(required, dict) else required) == "public"

    @classmethod
    def has_state(cls, method: str) -> bool:
        """Return whether a write can be bound to the state that was seen."""
        if method not in WRITES:
            return False
        return cls.state is not ApiView.state or (method != "POST" and hasattr(cls, "get"))

    def state(self, request: Request, **kwargs: Any) -> Any:
        """Return the representation of what a write changes, or None where there is none.

        Whatever can be read at the same address is the default.
        """
        if not self.has_state(request.method or ""):
            return None
        return self.get(request, **kwargs).data  # type: ignore[attr-defined]

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
            tell_denied(wrapped, error)
        self.response = self.finalize_response(wrapped, self._tagged(wrapped, response), *args, **kwargs)
        if not self.is_public(request.method or ""):
            # One address answers each organization differently: no cache between may keep it.
            patch_vary_headers(self.response, ["X-Api-Key", "Authorization", "Cookie", "X-Tenant-ID"])
            self.response.setdefault("Cache-Control", "private, no-cache")
        return self.response

    def _act(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        method = (request.method or "").lower()
        handler = getattr(self, method, self.http_method_not_allowed)
        if method not in self.http_method_names or handler == self.http_method_not_allowed:
            return self.http_method_not_allowed(request, *args, **kwargs)
        key = request.headers.get("Idempotency-Key")
        if key is None or request.method not in WRITES or not self.is_idempotent:
            return self._act_on_state(handler, request, *args, **kwargs)
        return self._act_once(key, handler, request, *args, **kwargs)

    def _act_once(self, key: str, handler: Any, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Act under a key, or answer again; the kept answer and the effect are one transaction."""
        subject = getattr(request._request, "subject", None)
        tenant = getattr(subject, "tenant_id", None) or scope.require()
        # The same key in another's hand is another request: an answer may hold a secret of the first.
        asked = f"{request.method} {request.get_full_path()} {_actor_of(request)}"
        fingerprint = idempotency.fingerprint(asked, _sent(request))
        with transaction.atomic():
            with scope.tenant_scope(tenant):
                stored = idempotency.begin(key=key, fingerprint=fingerprint)
            if stored is not None:
                again = {"Idempotent-Replayed": "true", "Cache-Control": "no-store"}
                return Response(stored.answer, status=stored.status, headers=again)
            response = self._act_on_state(handler, request, *args, **kwargs)
            if isinstance(response, Response) and response.status_code < 400:
                with scope.tenant_scope(tenant):
                    idempotency.finish(key=key, status=response.status_code, body=response.data)
        return response

    def _act_on_state(self, handler: Any, request: Request, *args: Any, **kwargs: Any) -> Any:
        named = request.headers.get("If-Match")
        if named is not None and request.method in WRITES:
            if self.tenant_scoped:
                preconditions.queue_up(self.state_path(request))
            seen = self.state(request, **kwargs)
            if not preconditions.is_named(named, None if seen is None else preconditions.tag_of(seen)):
                raise preconditions.PreconditionFailed("Read the present state, then decide again.")
        return handler(request, *args, **kwargs)

    def state_path(self, request: Request) -> str:
        """Return what names the state among all others, for taking conditional writers in turn."""
        return f"{type(self).state.__qualname__} {sorted(self.kwargs.items())}"

    def _tagged(self, request: Request, response: Any) -> Any:
        """Name the state in what was read, and send nothing where the caller has it already."""
        reads = request.method in {"GET", "HEAD"}
        writes = type(self).state is not ApiView.state
        if not isinstance(response, Response) or response.status_code != 200 or not (reads or writes):
            return response
        tag = preconditions.tag_of(response.data)
        known = request.headers.get("If-None-Match")
        if reads and known is not None and preconditions.is_known(known, tag):
            response = Response(status=304)
        response["ETag"] = tag
        return response

    def paginate(self, queryset: Any, serialize: Callable[[Any], Any]) -> Response:
        """Return one page of a queryset under the standard cursor."""
        paginator = self.pagination_class()
        page: list[Any] | None = paginator.paginate_queryset(queryset, self.request, view=self)
        return paginator.get_paginated_response([serialize(row) for row in page or []])


def _sent(request: Request) -> bytes:
    """Return the body as it identifies a request; the boundary of a form is drawn anew for each sending."""
    body: bytes = request._request.body
    _, found, boundary = request.META.get("CONTENT_TYPE", "").partition("boundary=")
    return body.replace(boundary.strip('"').encode(), b"") if found and boundary else body
