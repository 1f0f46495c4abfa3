"""Django's middleware for people in a browser, set aside for programs.

A request to the API that brings a key or a token has no session, sends no form and reads no page: it passes
these layers untouched, which saves half the time that Django itself takes for it.
What must stay true: only a request that carries a credential of its own is let past, so that whatever relies
on the session's cookie keeps its session, its protection against forgery, and its second factor.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware as _Authentication
from django.contrib.messages.middleware import MessageMiddleware as _Message
from django.contrib.sessions.middleware import SessionMiddleware as _Session
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware as _Common
from django.middleware.csrf import CsrfViewMiddleware as _Csrf
from django.middleware.locale import LocaleMiddleware as _Locale
from django.utils import translation
from django_otp.middleware import OTPMiddleware as _Otp

_PREFIXES = ("/api/", "/t/")


def is_keyed(request: HttpRequest) -> bool:
    """Return whether the request is one of a program: to the API, with a credential of its own."""
    known: bool | None = getattr(request, "_is_keyed", None)
    if known is None:
        known = request.path_info.startswith(_PREFIXES) and _has_credential(request)
        request._is_keyed = known  # type: ignore[attr-defined]
    return known


def _has_credential(request: HttpRequest) -> bool:
    # A key of blanks is no key: such a request is looked at as a person's, here and by whoever authenticates.
    key = request.META.get("HTTP_X_API_KEY", "")
    if key:
        return bool(key.strip())
    scheme, _, value = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return scheme.lower() == "bearer" and bool(value.strip())


class _ForPages:
    """Let keyed requests past the layer that stands behind this class in the order of inheritance."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve one request, without this layer where a program sends it."""
        if is_keyed(request):
            response: HttpResponseBase = self.get_response(request)
            return response
        return super().__call__(request)  # type: ignore[misc,no-any-return]


class SessionMiddleware(_ForPages, _Session):
    """Sessions of people."""


class CommonMiddleware(_ForPages, _Common):
    """Slashes of pages; the length of every answer."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve one request; an answer whose length is told needs no chunks."""
        response = super().__call__(request)
        if isinstance(response, HttpResponse) and "Content-Length" not in response:
            response["Content-Length"] = str(len(response.content))
        return response


class CsrfViewMiddleware(_ForPages, _Csrf):
    """Protection against forged forms."""

    def process_view(
        self, request: HttpRequest, callback: Any, callback_args: Any, callback_kwargs: Any
    ) -> Any:
        """Check the token of a form; a key is not sent by a browser on its own."""
        if is_keyed(request):
            return None
        return super().process_view(request, callback, callback_args, callback_kwargs)


class LocaleMiddleware(_Locale):
    """The language of an answer: a program that names none gets the installation's."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> Any:
        """Serve one request in its language."""
        if is_keyed(request) and "HTTP_ACCEPT_LANGUAGE" not in request.META:
            # The thread may still speak the language of the request before.
            translation.activate(settings.LANGUAGE_CODE)
            return self.get_response(request)
        return super().__call__(request)


class AuthenticationMiddleware(_ForPages, _Authentication):
    """The person of a session."""


class OTPMiddleware(_ForPages, _Otp):  # type: ignore[misc]  # the library has no types
    """Whether the session's person showed a second factor."""


class MessageMiddleware(_ForPages, _Message):
    """Notes from one page to the next."""
