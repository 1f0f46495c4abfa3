"""Refusals and faults as pages: what happened, why, and what to do next.

What must stay true: a browser gets a page, htmx a message in place, a program a problem document; nothing
that is shown needs the database, which may be what is broken.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from decisionos.kernel import errors
from decisionos.kernel.web import problems

_log = logging.getLogger("decisionos.error")


def wants_json(request: HttpRequest) -> bool:
    """Return whether a program asks."""
    accepted = request.headers.get("Accept", "")
    return problems.is_for_programs(request) or ("json" in accepted and "text/html" not in accepted)


def is_htmx(request: HttpRequest) -> bool:
    """Return whether htmx asks for a part of a page."""
    return request.headers.get("HX-Request") == "true"


def _advice(status: int) -> tuple[str, str]:
    """Return a title and what to do."""
    return {
        400: (
            _("This request could not be read"),
            _("Go back and try once more. If you followed a link, it may be incomplete."),
        ),
        401: (_("Your session has ended"), _("Sign in again; you return to this page.")),
        403: (
            _("You may not do this here"),
            _("Ask an administrator of your organization, or switch to another organization."),
        ),
        404: (
            _("There is nothing here"),
            _("It may have been removed, or it belongs to another organization. Check where you work."),
        ),
        405: (_("This page cannot do that"), _("Go back and use the buttons of the page.")),
        409: (
            _("Somebody was faster"),
            _("The state has changed in the meantime. Reload the page to see it, then decide again."),
        ),
        413: (_("This is too large"), _("Send less at once.")),
        422: (
            _("Some of this is not acceptable"),
            _("Go back, correct what is named, and send it again."),
        ),
        429: (_("Too many requests"), _("Wait a moment, then try again.")),
        503: (
            _("Not available for the moment"),
            _("A part of the system does not answer. Nothing was lost. Try again in a few seconds."),
        ),
    }.get(
        status,
        (
            _("Something went wrong on our side"),
            _("It was recorded. Try again; if it stays, tell us the reference below."),
        ),
    )


def context_of(error: errors.DosError) -> dict[str, Any]:
    """Return what the templates say about a refusal."""
    title, advice = _advice(error.status)
    said = error.detail if error.detail and error.detail != type(error).title else ""
    return {
        "status": error.status,
        "title": title,
        "advice": advice,
        "detail": said if error.status < 500 or error.status == 503 else "",
        "problems": error.errors,
        "code": error.code,
        "permission": error.extra.get("permission", ""),
    }


def answer(request: HttpRequest, error: BaseException) -> HttpResponse:
    """Return a refusal or fault in the form that the one who asks can use."""
    if wants_json(request):
        return problems.response(error)
    refusal = problems.from_exception(error)
    context = context_of(refusal)
    if is_htmx(request):
        response = HttpResponse(
            render_to_string("console/failure_toast.html", context, request), status=refusal.status
        )
        response["HX-Retarget"], response["HX-Reswap"] = "#toasts", "beforeend"
        if refusal.status == 401:
            response["HX-Trigger"] = json.dumps({"dos:signed-out": True})
        return response
    framed = getattr(request, "subject", None) is not None and refusal.status < 500
    template = "console/failure.html" if framed else "console/failure_bare.html"
    response = HttpResponse(render_to_string(template, context, request), status=refusal.status)
    if refusal.status in {429, 503}:
        response["Retry-After"] = str(refusal.extra.get("retry_after", 3))
    return response


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 400."""
    return answer(request, exception or errors.BadRequest())


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 403."""
    return answer(request, exception or errors.Denied())


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 404."""
    return answer(request, exception or errors.NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500, or 503 where the database is what failed."""
    return answer(request, sys.exc_info()[1] or errors.DosError())


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose token does not fit: mostly a session that ended or a second tab that signed in."""
    _log.warning("a form was refused: %s", reason)
    refusal = errors.Denied(
        _("The form was opened in another session. Go back, reload the page and send it again."),
        code="csrf_refused",
    )
    return answer(request, refusal)
