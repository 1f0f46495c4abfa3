"""What the pages before a sign-in share: a form in a card, a safe way on, nothing kept by the browser."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache

from decisionos.kernel import errors
from decisionos.kernel.console import failures

View = Callable[..., HttpResponseBase]


def next_of(request: HttpRequest, otherwise: str = "/") -> str:
    """Return where the person wanted to go, never to another site."""
    wanted = request.POST.get("next") or request.GET.get("next") or otherwise
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe else otherwise


def page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Return a page of its own."""
    whole = {"next": next_of(request), **context}
    return HttpResponse(render_to_string(f"tenancy/identity/{template}.html", whole, request), status=status)


def bare(view: View) -> View:
    """Turn refusals into pages, and let no browser keep what is shown."""

    @never_cache
    @wraps(view)
    def served(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except errors.DosError as error:
            return failures.answer(request, error)

    return served


def remember_language(response: HttpResponse, code: str) -> None:
    """Keep a person's language in their browser."""
    if code in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            code,
            max_age=365 * 24 * 3600,
            samesite="Lax",
            secure=settings.PRODUCTION,
        )


def told(form: Any, error: errors.DosError, *fields: str) -> None:
    """Put a refusal onto a form, at the fields that it names."""
    placed = False
    for problem in error.errors:
        name = str(problem.get("pointer", "")).strip("/")
        if name in fields:
            form.add_error(name, problem["message"])
            placed = True
    if not placed:
        form.add_error(None, error.detail)
