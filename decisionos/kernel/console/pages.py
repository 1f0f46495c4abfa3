"""The base of every page: a signed-in person, in one organization, with the permission that the page names.

What must stay true: the handler runs inside the organization's scope and one transaction; a refusal rolls it
back and leaves a trace; a page that names no permission is open to every member.
"""

from __future__ import annotations

import json
import urllib.parse
import zoneinfo
from collections.abc import Callable
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.generic import View

from decisionos.kernel import errors, ids
from decisionos.kernel.console import context, failures, questions
from decisionos.kernel.idempotency import services as idempotency
from decisionos.kernel.ledger import acting
from decisionos.kernel.tenants import scope
from decisionos.kernel.web import problems

TOKEN = "form_token"  # noqa: S105  the name of a field


def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """Return a time zone; UTC where the name is not known."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo("UTC")


def goto(request: HttpRequest, url: str) -> HttpResponse:
    """Go to another page, by htmx too."""
    if failures.is_htmx(request):
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


def toast(request: HttpRequest, text: Any, *, undo_url: str = "", level: str = "ok") -> None:
    """Tell the person something after the act; ``undo_url`` takes a POST and is offered for ten seconds."""
    kind = {"ok": messages.SUCCESS, "info": messages.INFO, "warn": messages.WARNING, "bad": messages.ERROR}[
        level
    ]
    messages.add_message(request, kind, str(text), extra_tags=f"undo:{undo_url}" if undo_url else "")


def told(request: HttpRequest) -> list[dict[str, str]]:
    """Return what was told and not shown yet, as the toasts want it."""
    levels = {messages.WARNING: "warn", messages.ERROR: "bad", messages.INFO: "info"}
    return [
        {
            "text": str(item.message),
            "level": levels.get(item.level, "ok"),
            "undo": (item.extra_tags or "").partition("undo:")[2],
        }
        for item in messages.get_messages(request)
    ]


def new_token() -> str:
    """Return a token that makes the two sends of one form a single act."""
    return ids.uuid7().hex


class Page(View):
    """A page. Handlers take the request and answer through ``self.render``."""

    template: ClassVar[str] = ""
    permission: ClassVar[str] = ""
    title: ClassVar[Any] = ""
    active: ClassVar[str] = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Let in, serve, and turn refusals into pages."""
        if not request.user.is_authenticated:
            return self._to_sign_in(request)
        door = questions.door()
        request.active_nav = self.active  # type: ignore[attr-defined]
        try:
            if door.second_factor_due(request):
                return self._to_sign_in(request)
            return self._serve(door, request, *args, **kwargs)
        except (errors.DosError, Http404, DjangoPermissionDenied) as error:
            refusal = problems.from_exception(error)
            if isinstance(refusal, errors.Denied | errors.Unauthenticated):
                door.note_denied(request, refusal)
            return failures.answer(request, refusal)

    def _serve(
        self, door: questions.Door, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        subject = door.subject_of(request)
        if subject is None:
            return HttpResponse(render_to_string("console/nowhere.html", {}, request), status=403)
        with scope.tenant_scope(subject.tenant_id), acting.acting(subject.actor):
            place = door.place_of(request)
            found: Any = request
            found.subject, found.place = subject, place
            found.organization, found.project, found.environment = (
                place.organization,
                place.project,
                place.environment,
            )
            with timezone.override(zone_of(place.organization.time_zone)):
                if self.permission:
                    door.authorize(request, self.permission)
                response = super().dispatch(request, *args, **kwargs)
        return self._with_toasts(request, response)

    @staticmethod
    def _to_sign_in(request: HttpRequest) -> HttpResponse:
        if failures.is_htmx(request) or failures.wants_json(request):
            return failures.answer(request, errors.Unauthenticated(_("Sign in again to go on.")))
        query = urllib.parse.urlencode({"next": request.get_full_path()})
        return HttpResponseRedirect(f"{settings.LOGIN_URL}?{query}")

    @staticmethod
    def _with_toasts(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Send what was told along with a part of a page; a whole page or the next one shows it itself."""
        if failures.is_htmx(request) and "HX-Redirect" not in response and response.status_code < 300:
            waiting = told(request)
            if waiting:
                events: dict[str, Any] = json.loads(response.get("HX-Trigger") or "{}")
                response["HX-Trigger"] = json.dumps({**events, "dos:toasts": {"toasts": waiting}})
        return response

    def render(
        self,
        request: HttpRequest,
        context: dict[str, Any] | None = None,
        *,
        partial: str = "",
        status: int = 200,
    ) -> HttpResponse:
        """Return the page; for htmx only the ``partial``, where one is named."""
        whole = {"title": self.title, "page": self, **(context or {})}
        template = partial if partial and failures.is_htmx(request) else self.template
        return HttpResponse(render_to_string(template, whole, request), status=status)

    @staticmethod
    def goto(request: HttpRequest, url: str) -> HttpResponse:
        """Go to another page, by htmx too."""
        return goto(request, url)

    @staticmethod
    def require_post(request: HttpRequest) -> None:
        """Refuse anything but a POST."""
        if request.method != "POST":
            raise errors.BadRequest(_("Use the button of the page."), code="method_not_allowed")

    @staticmethod
    def once(request: HttpRequest, act: Callable[[], str]) -> HttpResponse:
        """Do an act once for each form token, and go to the address that it returned.

        The second send of the same form finds the first one's answer. Raises what the act raises; the token
        is then free again.
        """
        token = request.POST.get(TOKEN, "")
        if not token:
            raise errors.BadRequest(_("The form has no token. Reload the page and send it again."))
        subject: Any = request
        key = f"form:{subject.subject.id}:{token}"[: idempotency.MOST_CHARACTERS]
        stored = idempotency.begin(key=key, fingerprint=idempotency.fingerprint(request.path, token.encode()))
        if stored is not None:
            return goto(request, str((stored.answer or {}).get("location", "/")))
        location = act()
        idempotency.finish(key=key, status=303, body={"location": location})
        return goto(request, location)


class RootPage(Page):
    """The first page that the person may open."""

    template = "console/empty.html"
    title = ""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Go there, or say that nothing is open."""
        for group in context.shell_of(request).groups:
            for page in group["pages"]:
                if page["url"] != reverse("root"):
                    return HttpResponseRedirect(page["url"])
        return self.render(request, {"title": _("Welcome")})
