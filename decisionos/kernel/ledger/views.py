"""Pages of the ledger: the chain's state, its entries and checkpoints, verification, proofs, export."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from decisionos.kernel import clock, errors
from decisionos.kernel.console import context, lists, pages, questions
from decisionos.kernel.console.lists import Column, Filter
from decisionos.kernel.console.templatetags import moments
from decisionos.kernel.ledger import checking, downloads, proofs, state, verifications
from decisionos.kernel.ledger.models import Checkpoint, Entry
from decisionos.kernel.tenants import scope

MOST_RUNS = 10


def tabs(active: str) -> list[dict[str, Any]]:
    """Return the pages of the ledger."""
    found = (
        ("ledger", _("Entries")),
        ("ledger-checkpoints", _("Checkpoints")),
        ("ledger-runs", _("Verifications")),
    )
    return [{"label": label, "url": reverse(name), "active": name == active} for name, label in found]


def shared(request: HttpRequest, active: str) -> dict[str, Any]:
    """Return what every page of the ledger shows above its list."""
    return {
        "state": state.read(),
        "tabs": tabs(active),
        "may_export": "ledger.export" in context.shell_of(request).allowed,
    }


def _kinds(request: HttpRequest) -> list[tuple[str, str]]:
    return [(kind, kind) for kind in state.list_kinds()]


def _number_of(entry: Entry) -> Any:
    place = checking.seal_of(entry)
    return place.seq if place is not None else format_html('<span class="faint">{}</span>', _("waits"))


def _about(entry: Entry) -> SafeString:
    name = entry.subject_id[-12:] if len(entry.subject_id) > 20 else entry.subject_id
    return format_html(
        '{} <span class="faint mono nowrap" title="{}">{}</span>',
        entry.subject_type or "–",
        entry.subject_id,
        name,
    )


def _actor(entry: Entry) -> str | SafeString:
    if not entry.actor:
        return ""
    name = f"{entry.actor[:9]}…{entry.actor[-6:]}" if len(entry.actor) > 24 else entry.actor
    return format_html('<span class="mono" title="{}">{}</span>', entry.actor, name)


class EntriesPage(lists.ListPage):
    """The entries, newest first."""

    template = "kernel/ledger/entries.html"
    permission = "ledger.read"
    title = gettext_lazy("Ledger")
    active = "ledger"
    split = True
    exportable = False
    ordering: ClassVar[Any] = ("-occurred_at", "-id")
    empty_title = gettext_lazy("Nothing was recorded yet")
    empty_text = gettext_lazy("Decisions, consents, approvals and changes of access leave an entry here.")
    filters: ClassVar[Any] = (
        Filter(name="kind", label=gettext_lazy("Kind"), choices=_kinds),
        Filter(name="period", label=gettext_lazy("Time"), kind="period", lookup="occurred_at"),
        Filter(
            name="subject_type",
            label=gettext_lazy("About"),
            kind="text",
            hint=gettext_lazy("decision, consent"),
        ),
        Filter(
            name="subject_id", label=gettext_lazy("Id"), kind="text", hint=gettext_lazy("of what it is about")
        ),
    )
    columns: ClassVar[Any] = (
        Column(name="time", label=gettext_lazy("Time"), value=lambda row: moments.clock(row.occurred_at)),
        Column(name="seq", label=gettext_lazy("Number"), value=_number_of, numeric=True),
        Column(name="kind", label=gettext_lazy("Kind"), value="kind", mono=True),
        Column(name="about", label=gettext_lazy("About"), value=_about),
        Column(name="actor", label=gettext_lazy("Actor"), value=_actor),
    )

    def rows(self, request: HttpRequest) -> Any:
        """Return the entries of the organization."""
        return Entry.objects.filter(tenant_id=scope.require()).select_related("seal")

    def order(self, request: HttpRequest) -> Any:
        """Return the order of the chain, or that of time where the list is narrowed: each has its index."""
        return self.ordering if self.wanted(request) else ("-xid", "-id")

    def row_url(self, row: Any) -> str:
        """Return the page of an entry."""
        return reverse("ledger-entry", args=[row.id])

    def more(self, request: HttpRequest) -> dict[str, Any]:
        """Return the state of the chain; not for a part of the list."""
        return {} if request.headers.get("HX-Request") else shared(request, "ledger")


class CheckpointsPage(lists.ListPage):
    """The signed checkpoints, newest first."""

    template = "kernel/ledger/checkpoints.html"
    permission = "ledger.read"
    title = gettext_lazy("Ledger")
    active = "ledger"
    ordering: ClassVar[Any] = ("-size",)
    empty_title = gettext_lazy("Nothing was sealed yet")
    empty_text = gettext_lazy("Within a second of an entry, a signed checkpoint covers it.")
    columns: ClassVar[Any] = (
        Column(name="size", label=gettext_lazy("Entries"), value="size", numeric=True),
        Column(name="time", label=gettext_lazy("Signed"), value="created_at"),
        Column(name="root", label=gettext_lazy("Root"), template="kernel/ledger/cell_hash.html"),
        Column(name="kid", label=gettext_lazy("Key"), value="kid", mono=True),
        Column(name="signature", label=gettext_lazy("Signature"), value="signature", mono=True, hidden=True),
        Column(name="head", label=gettext_lazy("Head"), value="head", mono=True, hidden=True),
    )

    def rows(self, request: HttpRequest) -> Any:
        """Return the checkpoints of the organization."""
        return Checkpoint.objects.filter(tenant_id=scope.require()).defer("peaks")

    def more(self, request: HttpRequest) -> dict[str, Any]:
        """Return the state of the chain."""
        return {} if request.headers.get("HX-Request") else shared(request, "ledger-checkpoints")


class RunsPage(pages.Page):
    """What verifications found."""

    template = "kernel/ledger/runs.html"
    permission = "ledger.read"
    title = gettext_lazy("Ledger")
    active = "ledger"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the newest ones."""
        runs = list(verifications.list_runs()[:MOST_RUNS])
        return self.render(request, {"runs": runs, **shared(request, "ledger-runs")})


class VerifyPage(pages.Page):
    """Verification of the whole chain."""

    template = "kernel/ledger/runs.html"
    permission = "ledger.read"
    title = gettext_lazy("Ledger")
    active = "ledger"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Tell how the newest run stands; asked again by the page while one is at work."""
        runs = list(verifications.list_runs()[:MOST_RUNS])
        answer = self.render(
            request,
            {"runs": runs, **shared(request, "ledger-runs")},
            partial="kernel/ledger/verification_part.html",
        )
        if not runs or runs[0].is_finished:
            # The tray looks again at once.
            answer["HX-Trigger"] = "dos:work"
        return answer

    def post(self, request: HttpRequest) -> HttpResponse:
        """Start a verification, or join the one at work."""
        person: Any = request

        def act() -> str:
            verifications.start_verification(actor=person.subject.actor, now=clock.now())
            pages.toast(request, _("The ledger is being verified"))
            return reverse("ledger-runs")

        return self.once(request, act)


class EntryPage(pages.Page):
    """One entry."""

    template = "kernel/ledger/entry.html"
    permission = "ledger.read"
    title = gettext_lazy("Ledger entry")
    active = "ledger"

    def get(self, request: HttpRequest, entry_id: uuid.UUID) -> HttpResponse:
        """Show it."""
        return self.answer(request, entry_id, partial="kernel/ledger/entry_body.html")

    def post(self, request: HttpRequest, entry_id: uuid.UUID) -> HttpResponse:
        """Check it: content, place, path, signature."""
        found = checking.check_entry(entry_id)
        return self.answer(request, entry_id, partial="kernel/ledger/checked.html", checked=found)

    def answer(self, request: HttpRequest, entry_id: uuid.UUID, *, partial: str, **more: Any) -> HttpResponse:
        """Answer with the page, or with the part that htmx asked for."""
        entry = checking.get_entry(entry_id)
        about = f"/decisions/{entry.subject_id}" if entry.subject_type == "decision" else ""
        return self.render(
            request,
            {
                "title": f"{entry.kind} · {str(entry.id)[-12:]}",
                "entry": entry,
                "place": checking.seal_of(entry),
                "about_url": about,
                **more,
            },
            partial=partial,
        )


class ProofPage(pages.Page):
    """The proof of one entry as a file."""

    permission = "ledger.read"

    def get(self, request: HttpRequest, entry_id: uuid.UUID) -> HttpResponse:
        """Download it."""
        entry = checking.get_entry(entry_id)
        name = f'attachment; filename="entry-{entry.id}-proof.json"'
        return JsonResponse(
            proofs.prove_entry(entry.id).as_json(),
            json_dumps_params={"indent": 2},
            headers={"Content-Disposition": name},
        )


class ExportPage(pages.Page):
    """The chain as a file for anybody's own verification."""

    permission = "ledger.export"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Download the whole chain up to its newest checkpoint, or a stretch of it."""
        questions.door().authorize(request, "ledger.export")
        return downloads.chain_file(first=_number(request, "since") or 1, last=_number(request, "until"))


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise errors.Invalid(
            _("A number of the chain was expected."),
            errors=[{"pointer": f"/{name}", "message": _("must be a whole number")}],
        )
    return int(text)
