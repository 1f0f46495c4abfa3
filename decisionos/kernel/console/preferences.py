"""Where one works, in which language and light; none of it needs a permission.

What must stay true: switching to another place is a POST and stands in the ledger; language and theme are the
browser's own affair and need nobody signed in.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language, override
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET, require_POST
from django.views.generic import View
from django.views.i18n import JSONCatalog

from decisionos.kernel import errors
from decisionos.kernel.console import context, failures, pages, questions

A_YEAR = 365 * 24 * 3600


def back(request: HttpRequest, otherwise: str = "/") -> str:
    """Return the address to go back to, never one of another site."""
    wanted = request.POST.get("next") or request.headers.get("Referer") or otherwise
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe else otherwise


def _remember(response: HttpResponse, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=A_YEAR, samesite="Lax", secure=settings.PRODUCTION)


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Keep the language that was chosen."""
    response = HttpResponseRedirect(back(request))
    code = request.POST.get("language", "")
    if code in dict(settings.LANGUAGES) and check_for_language(code):
        _remember(response, settings.LANGUAGE_COOKIE_NAME, code)
    return response


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Keep the theme that was chosen."""
    response = HttpResponseRedirect(back(request))
    if request.POST.get("theme") in context.THEMES:
        _remember(response, "theme", request.POST["theme"])
    return response


@require_GET
@cache_control(public=True, max_age=A_YEAR)
def catalogue(request: HttpRequest) -> HttpResponseBase:
    """Return the texts of scripts; the address carries language and version."""
    from_url = request.GET.get("l", "")
    if from_url not in dict(settings.LANGUAGES):
        return failures.bad_request(request)
    with override(from_url):
        return JSONCatalog.as_view()(request)


class PlacesPage(View):
    """Every organization, project and environment of the person; choosing one moves the session there."""

    http_method_names = ["get", "post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Let only signed-in people in; no organization is in force here."""
        if not request.user.is_authenticated:
            return pages.Page._to_sign_in(request)
        try:
            if questions.door().second_factor_due(request):
                return pages.Page._to_sign_in(request)
            return super().dispatch(request, *args, **kwargs)
        except errors.DosError as error:
            return failures.answer(request, error)

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the choice."""
        found = questions.door().organizations(request)
        part = "console/components/places.html" if failures.is_htmx(request) else "console/places.html"
        here = {name: request.session.get(name, "") for name in ("organization", "project", "environment")}
        return HttpResponse(render_to_string(part, {"organizations": found, "here": here}, request))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Move."""
        questions.door().switch(
            request,
            organization=request.POST.get("organization", ""),
            project=request.POST.get("project", ""),
            environment=request.POST.get("environment", ""),
        )
        return pages.goto(request, "/")
