"""The palette, the tray and saved views."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from decisionos.kernel import errors
from decisionos.kernel.console import context, pages, registry, selectors, services
from decisionos.kernel.web import probes

MOST_PER_SOURCE = 6
MOST_TEXT = 100


class PalettePage(pages.Page):
    """What the palette finds: pages and actions at once, records by text."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Answer as JSON."""
        shell = context.shell_of(request)
        text = request.GET.get("q", "").replace("\0", "").strip()[:MOST_TEXT]
        if text:
            return JsonResponse({"groups": self._records(request, shell, text)})
        pages_found = [
            {
                "label": str(entry["nav"].label),
                "url": entry["url"],
                "icon": entry["nav"].icon,
                "hint": str(group["domain"].label),
                "key": entry["nav"].key,
            }
            for group in shell.groups
            for entry in group["pages"]
        ]
        actions = [
            {"label": str(item.label), "url": url, "icon": item.icon, "hint": "", "key": item.key}
            for item in registry.actions.values()
            if (not item.permission or item.permission in shell.allowed)
            and (url := context.address(item.url_name))
        ]
        groups = [
            {"name": "pages", "label": _("Pages"), "items": pages_found},
            {"name": "actions", "label": _("Actions"), "items": actions},
        ]
        return JsonResponse({"groups": [group for group in groups if group["items"]]})

    @staticmethod
    def _records(request: HttpRequest, shell: context.Shell, text: str) -> list[dict[str, Any]]:
        groups = []
        for source in registry.sources.values():
            if source.permission and source.permission not in shell.allowed:
                continue
            found = _found(source, request, text)
            items = [
                {"label": str(item.label), "url": item.url, "icon": "", "hint": str(item.hint)}
                for item in found
            ]
            if items:
                groups.append({"name": source.name, "label": str(found[0].kind), "items": items})
        return groups


def _found(source: registry.Source, request: HttpRequest, text: str) -> list[registry.PaletteItem]:
    def ask() -> list[registry.PaletteItem]:
        return list(itertools.islice(source.search(request, text), MOST_PER_SOURCE))

    return registry.guarded(source.name, ask, [])


class TrayPage(pages.Page):
    """Work in the background, what needs a person, what waits behind each page; asked again and again."""

    template = "console/components/tray.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Answer with the tray and the counts."""
        shell = context.shell_of(request)
        works = list(registry.ask_all(registry.works, request, shell.allowed))
        attentions = list(registry.ask_all(registry.attentions, request, shell.allowed))
        degraded = probes.find_degraded()
        return self.render(
            request,
            {
                "works": works,
                "running": sum(item.state in {"queued", "running"} for item in works),
                "failed": sum(item.state == "failed" for item in works),
                "attentions": attentions,
                "degraded": degraded,
                "counts": shell.counts(),
            },
        )


class SavedViewsPage(pages.Page):
    """Saving a view."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Keep the view and go to it."""
        person: Any = request

        def act() -> str:
            view = services.save_view(
                user_id=person.subject.id,
                page=request.POST.get("page", ""),
                name=request.POST.get("name", ""),
                query=request.POST.get("query", ""),
                shared=request.POST.get("shared") == "1",
            )
            pages.toast(request, _("View “%(name)s” saved") % {"name": view.name})
            return reverse("console:view", args=[view.id])

        return self.once(request, act)


class SavedViewPage(pages.Page):
    """The address of a saved view."""

    def get(self, request: HttpRequest, view_id: uuid.UUID) -> HttpResponse:
        """Go to the page under the view's filters."""
        person: Any = request
        view = selectors.get_view(user_id=person.subject.id, view_id=view_id)
        entry = registry.pages.get(view.page)
        address = context.address(entry.url_name) if entry else ""
        if not address:
            raise errors.NotFound(_("The page of this view is not installed any more."))
        return HttpResponseRedirect(f"{address}?{view.query}" if view.query else address)


class DeleteViewPage(pages.Page):
    """Deleting a view."""

    def post(self, request: HttpRequest, view_id: uuid.UUID) -> HttpResponse:
        """Delete it and go back to its page."""
        person: Any = request
        view = services.delete_view(user_id=person.subject.id, view_id=view_id)
        entry = registry.pages.get(view.page)
        pages.toast(request, _("View “%(name)s” deleted") % {"name": view.name})
        return self.goto(request, (context.address(entry.url_name) if entry else "") or "/")
