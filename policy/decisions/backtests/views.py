"""Pages of backtests: the list, asking for one, watching it run, reading it, sharing it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, ClassVar

import orjson
from django.db.models.fields.json import KT
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from decisionos.kernel import errors
from decisionos.kernel.console import failures, lists, pages
from decisionos.kernel.console.lists import Column, Filter, View
from policy.decisions import selectors
from policy.decisions.backtests import api, forms, report, services, sharing, uploads, wording
from policy.decisions.enums import BacktestState
from policy.decisions.models import Backtest
from policy.rules import people

PERMISSION = "decision.simulate"
SHOWN_FLIPS, SHOWN_BAD = 20, 20
HOURS = (24, 72, 168, 720)
WAITING = (BacktestState.QUEUED, BacktestState.RUNNING)


class BacktestsPage(lists.ListPage):
    """Backtests, newest first."""

    template = "policy/backtests/list.html"
    permission = PERMISSION
    title = gettext_lazy("Backtests")
    active = "backtests"
    empty_title = gettext_lazy("Nothing was tried yet")
    empty_text = gettext_lazy(
        "A backtest shows what a version would have decided over many rows, how well, and which decisions "
        "another version turns over. Nothing is stored but the report."
    )
    empty_label = gettext_lazy("New backtest")
    views: ClassVar[Any] = (
        View(label=gettext_lazy("All"), query=""),
        View(label=gettext_lazy("Running"), query="state=running&state=queued"),
        View(label=gettext_lazy("Failed"), query="state=failed"),
    )
    filters: ClassVar[Any] = (
        Filter(
            name="state",
            label=gettext_lazy("State"),
            kind="many",
            choices=[(name, label) for name, label in wording.STATES.items()],
        ),
        Filter(name="contract", label=gettext_lazy("Contract"), kind="text"),
    )
    columns: ClassVar[Any] = (
        Column(name="what", label=gettext_lazy("Version"), template="policy/backtests/cell_what.html"),
        Column(name="state", label=gettext_lazy("State"), template="policy/backtests/cell_state.html"),
        Column(
            name="rows",
            label=gettext_lazy("Rows"),
            value=lambda row: wording.whole(row.decided),
            numeric=True,
        ),
        Column(
            name="flipped",
            label=gettext_lazy("Flips"),
            value=lambda row: wording.whole(row.flipped),
            numeric=True,
        ),
        Column(
            name="precision",
            label=gettext_lazy("Precision"),
            value=lambda row: wording.share(row.precision),
            numeric=True,
        ),
        Column(
            name="review",
            label=gettext_lazy("Review rate"),
            value=lambda row: wording.share(row.review),
            numeric=True,
        ),
        Column(name="source", label=gettext_lazy("Rows from"), value=wording.source_of),
        Column(
            name="by",
            label=gettext_lazy("Asked by"),
            value=lambda row: getattr(row, "person", row.created_by),
        ),
        Column(name="when", label=gettext_lazy("Asked"), value="created_at"),
    )

    @property
    def empty_url(self) -> str:  # type: ignore[override]
        """Return where the first one is asked for."""
        return reverse("backtest-new")

    def rows(self, request: HttpRequest) -> Any:
        """Return every backtest with its figures, without its report."""
        return services.list_backtests().annotate(
            decided=KT("report__metrics__rows"),
            flipped=KT("report__comparison__flipped"),
            precision=KT("report__metrics__reject_precision"),
            review=KT("report__metrics__review_rate"),
        )

    def prepare(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        """Name those who asked."""
        names = people.names_of(row.created_by for row in rows)
        for row in rows:
            row.person = names[row.created_by]
        return rows

    def row_url(self, row: Any) -> str:
        """Return the page of a backtest."""
        return reverse("backtest", args=[row.id])


class NewPage(pages.Page):
    """Ask for a backtest."""

    template = "policy/backtests/new.html"
    permission = PERMISSION
    title = gettext_lazy("New backtest")
    active = "backtests"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form; the address may name a version to try."""
        given = {name: request.GET[name] for name in ("version", "baseline", "source") if name in request.GET}
        return self._form(request, forms.AskForm(initial=given))

    def _form(self, request: HttpRequest, form: forms.AskForm, status: int = 200) -> HttpResponse:
        most = services.most_bytes()
        shown = {"form": form, "most_bytes": most, "most": most // 1_000_000 or 1}
        return self.render(request, shown, status=status)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Take the file or the window, once."""
        form = forms.AskForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._refused(request, form)
        try:
            return self.once(request, lambda: self._ask(request, form))
        except errors.DosError as error:
            if error.status in {401, 403}:
                raise
            form.add_error("rows" if form.cleaned_data["source"] == forms.FILE else None, error.detail)
            return self._refused(request, form, error)

    def _refused(
        self, request: HttpRequest, form: forms.AskForm, error: errors.DosError | None = None
    ) -> HttpResponse:
        if failures.wants_json(request):
            told = [
                {"pointer": f"/{name}", "message": " ".join(map(str, texts))}
                for name, texts in form.errors.items()
            ]
            raise error or errors.Invalid(_("Some fields are not acceptable."), errors=told)
        return self._form(request, form, status=422)

    @staticmethod
    def _ask(request: HttpRequest, form: forms.AskForm) -> str:
        subject: Any = request
        given: dict[str, Any] = {**form.asked(), "actor": subject.subject.actor, "source": services.HISTORY}
        upload: Any = form.cleaned_data.get("rows")
        if form.cleaned_data["source"] == forms.FILE:
            uploads.check_size(int(upload.size))
            kind = uploads.kind_of(upload.name)
            given |= {"source": kind, "content": upload.read(), "file_name": upload.name, "keep_draft": True}
        return reverse("backtest", args=[services.request_backtest(**given).id])


class BacktestPage(pages.Page):
    """One backtest: its columns, its progress or its report."""

    template = "policy/backtests/detail.html"
    permission = PERMISSION
    active = "backtests"

    def get(self, request: HttpRequest, backtest_id: uuid.UUID) -> HttpResponse:
        """Show where it stands; a part of the page asks again while it runs."""
        row = selectors.get_backtest(backtest_id=backtest_id)
        is_polling = failures.is_htmx(request) and request.GET.get("poll") == "1"
        answer = self.render(
            request, shown_of(row, request), partial="policy/backtests/progress.html" if is_polling else ""
        )
        if is_polling and row.state not in WAITING:
            answer["HX-Refresh"] = "true"
        return answer


def shown_of(row: Backtest, request: HttpRequest) -> dict[str, Any]:
    """Return what the page of a backtest shows."""
    found: dict[str, Any] = {
        "title": f"{row.contract} {row.version}",
        "row": row,
        "state": wording.STATES[row.state],
        "tone": wording.TONES[row.state],
        "source": wording.source_of(row),
        "person": wording.named(row.created_by),
        "error": wording.named(row.error),
        "is_waiting": row.state in WAITING,
        "is_stuck": row.state == BacktestState.QUEUED and bool(row.error),
    }
    if row.state == BacktestState.DRAFT:
        found["offer"] = row.options["offer"]
    if row.report is not None:
        found |= _report_of(row, request)
    return found


def _report_of(row: Backtest, request: HttpRequest) -> dict[str, Any]:
    held: dict[str, Any] = row.report or {}
    cuts = held.get("segments") or []
    wanted = request.GET.get("by", "")
    cut = next((item for item in cuts if item["field"] == wanted), cuts[0] if cuts else None)
    comparison = held.get("comparison")
    others = services.list_backtests(contract=row.contract, state=BacktestState.DONE).exclude(id=row.id)
    return {
        "report": held,
        "metrics": held["metrics"],
        "comparison": comparison,
        "before": comparison["metrics"] if comparison else None,
        "figures": wording.figures(held["metrics"], comparison),
        "flips": comparison["flips"][:SHOWN_FLIPS] if comparison else [],
        "bad_rows": held["invalid_sample"][:SHOWN_BAD],
        "cut": cut,
        "tabs": [
            {"label": item["field"], "url": f"?by={item['field']}#segments", "active": item is cut}
            for item in cuts
        ],
        "took": wording.took(row),
        "labels": wording.confusion(held["metrics"]),
        "hours": [(hours, wording.hours(hours)) for hours in HOURS],
        "others": list(others[:20]),
        "is_shared": bool(row.share_key),
    }


class MapPage(pages.Page):
    """Say which column is which."""

    permission = PERMISSION

    def post(self, request: HttpRequest, backtest_id: uuid.UUID) -> HttpResponse:
        """Settle the columns and start, once."""
        given = {
            name.removeprefix("column:"): value
            for name, value in request.POST.items()
            if name.startswith("column:") and isinstance(value, str)
        }

        def settle() -> str:
            services.map_columns(backtest_id=backtest_id, columns=given)
            return reverse("backtest", args=[backtest_id])

        return self.once(request, settle)


class CancelPage(pages.Page):
    """End a backtest that waits or runs."""

    permission = PERMISSION

    def post(self, request: HttpRequest, backtest_id: uuid.UUID) -> HttpResponse:
        """Cancel it and say so."""
        subject: Any = request
        services.cancel_backtest(backtest_id=backtest_id, actor=subject.subject.actor)
        pages.toast(request, _("The backtest was cancelled."))
        return self.goto(request, reverse("backtest", args=[backtest_id]))


class SharePage(pages.Page):
    """Make a link to a report, or end all of them."""

    template = "policy/backtests/detail.html"
    permission = PERMISSION
    active = "backtests"

    def post(self, request: HttpRequest, backtest_id: uuid.UUID) -> HttpResponse:
        """Answer with the link, which is shown this once."""
        row = services.get_report(backtest_id=backtest_id)
        subject: Any = request
        actor = subject.subject.actor
        if "end" in request.POST:
            sharing.end_links(backtest_id=backtest_id, actor=actor)
            pages.toast(request, _("No link opens this report any more."))
            return self.goto(request, reverse("backtest", args=[backtest_id]))
        raw = request.POST.get("hours", "")
        hours = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 6 else HOURS[0]
        token = sharing.share(backtest_id=backtest_id, lives=timedelta(hours=hours), actor=actor)
        link = request.build_absolute_uri(reverse("backtest-shared", args=[token]))
        shown = {**shown_of(row, request), "link": link, "lives": wording.hours(hours), "is_shared": True}
        return self.render(request, shown, partial="policy/backtests/link.html")


class DownloadPage(pages.Page):
    """A report or a list of it as a file."""

    permission = PERMISSION

    def get(self, request: HttpRequest, backtest_id: uuid.UUID, kind: str) -> HttpResponse:
        """Answer with the file."""
        name = f"backtest-{backtest_id}"
        if kind in {"flips.csv", "bad_rows.csv"}:
            content = services.get_download(backtest_id=backtest_id, kind=kind.removesuffix(".csv"))
            return api.csv_response(content, f"{name}-{kind.removesuffix('.csv')}")
        held = services.get_report(backtest_id=backtest_id).report or {}
        if kind == "report.json":
            answer = HttpResponse(orjson.dumps(held), content_type="application/json")
        elif kind == "report.html":
            answer = report.response(held)
        else:
            raise errors.NotFound()
        answer["Content-Disposition"] = f'attachment; filename="{name}.{kind.rpartition(".")[2]}"'
        return answer


class ComparePage(pages.Page):
    """Two backtests beside each other."""

    template = "policy/backtests/compare.html"
    permission = PERMISSION
    title = gettext_lazy("Two backtests")
    active = "backtests"

    def get(self, request: HttpRequest, backtest_id: uuid.UUID) -> HttpResponse:
        """Show the figures of both."""
        try:
            other = uuid.UUID(request.GET.get("with", ""))
        except ValueError as error:
            raise errors.BadRequest(_("Choose a backtest to compare with.")) from error
        found = services.compare(first_id=other, second_id=backtest_id)
        first, second = found["first"], found["second"]
        shown = {
            **found,
            "figures": wording.figures(
                second["metrics"], {"metrics": first["metrics"], "difference": found["difference"]}
            ),
        }
        return self.render(request, shown)


def shared(request: HttpRequest, token: str) -> HttpResponse:
    """Show a report to whoever holds a link."""
    try:
        row = sharing.open_link(token=token)
    except sharing.LinkInvalid as error:
        return failures.answer(request, error)
    answer = report.response(row.report or {})
    answer["X-Robots-Tag"], answer["Cache-Control"] = "noindex", "private, no-store"
    return answer
