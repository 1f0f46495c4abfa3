"""The admin's pages beyond Django's: its frame, first page, palette, suggestions and visits.

What must stay true: every page runs as somebody, in their organization or in a visit, and the ledger can name
them; only classes of the kernel's admin base are shown, so that nothing comes in past its rules.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from decisionos.kernel import errors
from decisionos.kernel.admin import base, dashboard, domains, filters, visits
from decisionos.kernel.console import context, pages, questions
from decisionos.kernel.ledger import acting
from decisionos.kernel.tenants import middleware, scope

MOST_SEEN, MOST_SUGGESTED, MOST_FOUND = 2_000, 10, 20


class AdminFace(admin.AdminSite):
    """Django's admin in the product's frame."""

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Enter a model; what does not stand on the kernel's admin base is left out."""
        if admin_class is None or not issubclass(admin_class, base.DosModelAdmin):
            return
        super().register(model_or_iterable, admin_class, **options)

    # --- the door -----------------------------------------------------------------------------------------
    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Serve a page inside the organization of the session, or the visited one; once it may be seen."""
        if view in (self.logout, self.i18n_javascript):
            return super().admin_view(view, cacheable)
        inner = super().admin_view(self._entered(view), cacheable)

        @functools.wraps(inner)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            found = _as_any(request)
            found.platform_visit, found.chosen_organization = visits.of(request), None
            if found.platform_visit is None and view not in (self.visit, self.find):
                # A suspended organization is refused by name before anything else is asked.
                found.chosen_organization = middleware.organization_of(request)
            return inner(request, *args, **kwargs)

        return checked

    def _entered(self, view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def inside(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            visit, tenant = _as_any(request).platform_visit, _as_any(request).chosen_organization
            if visit is not None:
                with acting.acting(visits.actor_of(request)):
                    visits.note_page(request, visit)
                    return _rendered(view(request, *args, **kwargs))
            if tenant is None:
                with acting.acting(f"user:{request.user.pk}"):
                    return _rendered(view(request, *args, **kwargs))
            with scope.tenant_scope(tenant):
                return self._in_place(request, view, *args, **kwargs)

        return inside

    @staticmethod
    def _in_place(request: HttpRequest, view: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        door, found = questions.door(), _as_any(request)
        found.subject = door.subject_of(request)
        if found.subject is None:
            raise PermissionDenied
        found.place = door.place_of(request)
        found.organization, found.project = found.place.organization, found.place.project
        found.environment = found.place.environment
        zone = pages.zone_of(found.organization.time_zone)
        with acting.acting(found.subject.actor), timezone.override(zone):
            try:
                return _rendered(view(request, *args, **kwargs))
            except errors.Denied as error:
                door.note_denied(request, error)
                raise

    # --- the frame ------------------------------------------------------------------------------------------
    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Lend every page the map of the admin and the visit in force."""
        found = super().each_context(request)
        visit = getattr(request, "platform_visit", None)
        return {
            **found,
            "domains": domains.grouped(found["available_apps"], request.path, self),
            "visit": visit,
            "may_visit": found["has_permission"] and visits.is_platform_staff(request),
            "here": getattr(request, "place", None),
        }

    def get_urls(self) -> list[Any]:
        """Return Django's addresses and ours."""
        own = [
            path("palette.json", self.admin_view(self.palette), name="palette"),
            path("visit", self.admin_view(self.visit), name="visit"),
            path("visit/leave", self.admin_view(require_POST(self.leave)), name="visit-leave"),
            path("visit/organizations.json", self.admin_view(self.find), name="visit-find"),
            path(
                "suggest/<slug:app_label>/<slug:model_name>/<slug:field>",
                self.admin_view(self.suggest),
                name="suggest",
            ),
        ]
        return [*own, *super().get_urls()]

    def index(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        """Show what needs attention, how much there is, what changed lately."""
        frame = self.each_context(request)
        values = {
            **frame,
            "title": self.index_title,
            "subtitle": None,
            "app_list": [],
            **dashboard.content(self, request, frame["domains"]),
            **(extra_context or {}),
        }
        request.current_app = self.name  # type: ignore[attr-defined]
        return TemplateResponse(request, "admin/index.html", values)

    def app_index(self, request: HttpRequest, app_label: str, extra_context: Any = None) -> Any:
        """Show one part of the map."""
        found = self.get_app_list(request, app_label)
        if not found:
            raise Http404
        groups = domains.grouped(found, "", self)
        values = {**self.each_context(request), "title": found[0]["name"], "groups": groups}
        request.current_app = self.name  # type: ignore[attr-defined]
        return TemplateResponse(request, "admin/app_index.html", {**values, **(extra_context or {})})

    # --- the palette ----------------------------------------------------------------------------------
    def palette(self, request: HttpRequest) -> HttpResponse:
        """Return every list of the admin and every page of the console; with a text, records by their id."""
        frame = self.each_context(request)
        text = request.GET.get("q", "").replace("\0", "").strip()[:100]
        if text:
            return JsonResponse({"groups": self._records(request, text)})
        lists = [
            {
                "label": str(entry["label"]),
                "url": entry["url"],
                "icon": entry["icon"],
                "hint": str(group.label),
            }
            for group in frame["domains"]
            for entry in group.models
            if entry["url"]
        ]
        console = [
            {
                "label": str(entry["nav"].label),
                "url": entry["url"],
                "icon": entry["nav"].icon,
                "hint": _("Console"),
                "key": entry["nav"].key,
            }
            for group in context.shell_of(request).groups
            for entry in group["pages"]
        ]
        acts = [{"label": _("Overview"), "url": reverse("admin:index"), "icon": "grid", "hint": ""}]
        if frame["may_visit"]:
            label = _("Act for an organization")
            acts.append({"label": label, "url": reverse("admin:visit"), "icon": "building", "hint": ""})
        groups = [
            {"name": "records", "label": _("Records"), "items": [*acts, *lists]},
            {"name": "pages", "label": _("Console"), "items": console},
        ]
        return JsonResponse({"groups": [group for group in groups if group["items"]]})

    def _records(self, request: HttpRequest, text: str) -> list[dict[str, Any]]:
        """Return the records that an id or a short search finds, in the lists that may be seen."""
        groups = []
        registered: dict[Any, Any] = dict(self._registry)
        for model, shown in registered.items():
            if not shown.search_fields or not shown.has_view_or_change_permission(request):
                continue
            if shown.tenant_column and scope.current() is None and not _as_any(request).platform_visit:
                continue
            exact = [name for name in shown.search_fields if str(name).startswith("=")]
            if exact and len(exact) == len(list(shown.search_fields)) and len(text) < 8:
                continue
            rows, _distinct = shown.get_search_results(request, shown.get_queryset(request), text)
            found = [
                {
                    "label": str(row)[:120],
                    "url": shown.address("change", row.pk),
                    "icon": shown.icon or "table",
                    "hint": str(model._meta.verbose_name),
                }
                for row in rows.order_by("-pk")[:4]
            ]
            if found:
                label = str(model._meta.verbose_name_plural)
                groups.append({"name": model._meta.label, "label": capfirst(label), "items": found})
            if len(groups) >= MOST_FOUND // 4:
                break
        return groups

    def suggest(self, request: HttpRequest, app_label: str, model_name: str, field: str) -> HttpResponse:
        """Return values of a field that were seen lately, for its filter."""
        found = next(
            (
                shown
                for model, shown in self._registry.items()
                if (model._meta.app_label, model._meta.model_name) == (app_label, model_name)
            ),
            None,
        )
        offered = {
            item[0]
            for item in (found.get_list_filter(request) if found is not None else [])
            if isinstance(item, tuple) and item[1] is filters.TextFilter
        }
        if found is None or field not in offered:
            raise Http404
        if not found.has_view_or_change_permission(request):
            raise PermissionDenied
        text = request.GET.get("q", "").replace("\0", "").casefold()[:100]
        seen = found.get_queryset(request).order_by("-pk").values_list(field, flat=True)[:MOST_SEEN]
        values = sorted({str(value) for value in seen if value not in {None, ""}})
        fitting = [value for value in values if text in value.casefold()]
        return JsonResponse({"values": fitting[:MOST_SUGGESTED]})

    # --- visits ---------------------------------------------------------------------------------------------
    def visit(self, request: HttpRequest) -> HttpResponse:
        """Open a visit of another organization: which one, why, for how long."""
        if not visits.is_platform_staff(request):
            raise visits.VisitRefused(_("Only platform staff act for organizations they do not belong to."))
        wrong: dict[str, str] = {}
        if request.method == "POST":
            minutes = request.POST.get("minutes", "")
            try:
                opened = visits.open_visit(
                    request,
                    organization=request.POST.get("organization", ""),
                    reason=request.POST.get("reason", ""),
                    minutes=int(minutes) if minutes.isascii() and minutes.isdigit() else 0,
                )
            except visits.VisitInvalid as error:
                wrong = {item["pointer"].strip("/"): item["message"] for item in error.errors or []}
            else:
                told = _("You act for %(name)s now. Every page is recorded in its ledger.")
                pages.toast(request, told % {"name": opened.organization.name}, level="warn")
                return HttpResponseRedirect(reverse("admin:index"))
        text = request.POST.get("search", "") or request.GET.get("q", "")
        values = {
            **self.each_context(request),
            "title": _("Act for an organization"),
            "found": visits.find_organizations(text.replace("\0", "")[:100]),
            "text": text,
            "wrong": wrong,
            "given": request.POST,
            "minutes": visits.MINUTES,
            "least": visits.LEAST_REASON,
            "most": visits.MOST_REASON,
        }
        return TemplateResponse(request, "admin/visit.html", values, status=422 if wrong else 200)

    def leave(self, request: HttpRequest) -> HttpResponse:
        """End the visit in force."""
        visits.close_visit(request)
        pages.toast(request, visits.LEFT)
        return HttpResponseRedirect(reverse("admin:index"))

    def find(self, request: HttpRequest) -> HttpResponse:
        """Return the organizations that fit a text, for platform staff."""
        if not visits.is_platform_staff(request):
            raise visits.VisitRefused()
        text = request.GET.get("q", "").replace("\0", "")[:100]
        rows = [
            {"id": str(row.id), "name": row.name, "slug": row.slug} for row in visits.find_organizations(text)
        ]
        return JsonResponse({"organizations": rows})


def _as_any(request: HttpRequest) -> Any:
    return request


def _rendered(response: Any) -> Any:
    """Render a lazy answer while the scope is open."""
    if callable(getattr(response, "render", None)) and not getattr(response, "is_rendered", True):
        return response.render()
    return response
