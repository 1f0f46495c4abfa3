"""The list of decisions: filters in the address, split view, columns, export of exactly what is filtered."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from decisionos.kernel import clock
from decisionos.kernel.console import lists, questions
from decisionos.kernel.console.lists import Column, Filter, View
from decisionos.kernel.console.templatetags import console as shapes
from decisionos.kernel.console.templatetags import moments
from decisionos.kernel.tenants import scope
from policy.decisions import counting, exporting, filters, listing, wording
from policy.decisions.filters import Filters
from policy.decisions.listing import Known
from policy.decisions.models import Decision


def known_of(request: HttpRequest) -> Known:
    """Return the patterns of the organization, looked up once for each request."""
    found: Known | None = getattr(request, "known_patterns", None)
    if found is None:
        found = listing.known_patterns()
        request.known_patterns = found  # type: ignore[attr-defined]
    return found


def _options(name: str, label: Any) -> Any:
    def options(request: HttpRequest) -> list[tuple[str, Any]]:
        chosen = request.GET.getlist(name)
        field = {"class": "decision_class", "reason": "reasons", "rule": "rules"}.get(name, name)
        values = sorted({*known_of(request).values(field), *(text for text in chosen if text)})
        return sorted(((text, label(text)) for text in values), key=lambda pair: str(pair[1]))

    return options


def wanted_of(request: HttpRequest) -> Filters:
    """Return the filters that a page's address states; a period and an interval are written shorter there."""
    query = request.GET.copy()
    period, confidence = query.get("period", ""), query.get("confidence", "")
    if period and not (query.get("from") or query.get("to")):
        start, end = lists.period(period)
        for name, moment in (("from", start), ("to", end)):
            if moment is not None:
                query[name] = moment.isoformat()
    if confidence:
        least, most = lists.interval(confidence)
        for name, number in (("confidence_min", least), ("confidence_max", most)):
            if number is not None:
                query[name] = str(number)
    return filters.from_query(query)


def main_reason(row: Decision) -> str:
    """Return the first reason in words, and how many more there are."""
    if not row.reasons:
        return ""
    more = f" +{len(row.reasons) - 1}" if len(row.reasons) > 1 else ""
    return f"{wording.humanized(row.reasons[0])}{more}"


def versioned(row: Decision) -> SafeString:
    """Return the contract with its version, on one line."""
    return format_html(
        '<span class="nowrap">{} <span class="faint">{}</span></span>', row.contract, row.contract_version
    )


def subject(row: Decision) -> str | SafeString:
    """Return the beginning of by what a person is known, the whole of it on hover."""
    if not row.subject_ref:
        return ""
    return format_html('<span class="mono" title="{}">{}</span>', row.subject_ref, row.subject_ref[:8])


# Cells are made by functions: a template for each of several hundred cells would be most of a page's time.
class DecisionsPage(lists.ListPage):
    """Decisions, newest first."""

    template = "policy/decisions/list.html"
    permission = "decision.read"
    title = gettext_lazy("Decisions")
    active = "decisions"
    split = True
    exportable = False
    empty_title = gettext_lazy("No decision was made yet")
    empty_text = gettext_lazy(
        "Each request to /decide leaves one here, with reasons and proof. Bring a contract into force, "
        "then send the first request."
    )
    views: ClassVar[Any] = (
        View(label=gettext_lazy("All"), query=""),
        View(label=gettext_lazy("Today"), query="period=today"),
        View(label=gettext_lazy("To a person"), query="class=review"),
        View(label=gettext_lazy("Rejected"), query="class=reject"),
        View(label=gettext_lazy("Unsure"), query="confidence=..0.6"),
    )
    filters: ClassVar[Any] = (
        Filter(
            name="q",
            label=gettext_lazy("Search decisions"),
            kind="search",
            hint=gettext_lazy("Reason, rule, id, trace or subject"),
        ),
        Filter(name="period", label=gettext_lazy("Time"), kind="period"),
        Filter(
            name="class",
            label=gettext_lazy("Class"),
            kind="many",
            choices=[(name, label) for name, label in wording.CLASS_LABELS.items()],
        ),
        Filter(
            name="reason",
            label=gettext_lazy("Reason"),
            kind="many",
            choices=_options("reason", wording.humanized),
        ),
        Filter(
            name="contract", label=gettext_lazy("Contract"), kind="many", choices=_options("contract", str)
        ),
        Filter(name="version", label=gettext_lazy("Version"), kind="many", choices=_options("version", str)),
        Filter(name="rule", label=gettext_lazy("Rule"), kind="many", choices=_options("rule", str)),
        Filter(
            name="environment",
            label=gettext_lazy("Environment"),
            kind="many",
            choices=_options("environment", wording.environment_label),
        ),
        Filter(name="confidence", label=gettext_lazy("Confidence"), kind="number", hint="0.5..0.8"),
        Filter(name="actor", label=gettext_lazy("Actor"), kind="text", hint="key:…"),
        Filter(name="subject", label=gettext_lazy("Subject"), kind="text", hint=gettext_lazy("reference")),
        Filter(name="trace", label=gettext_lazy("Trace"), kind="text", hint=gettext_lazy("id")),
        Filter(name="ledger", label=gettext_lazy("Ledger entry"), kind="text", hint=gettext_lazy("id")),
    )
    first_filters: ClassVar[tuple[str, ...]] = ("q", "period", "class", "reason", "contract")
    columns: ClassVar[Any] = (
        Column(name="time", label=gettext_lazy("Time"), value=lambda row: moments.clock(row.decided_at)),
        Column(
            name="result", label=gettext_lazy("Result"), value=lambda row: shapes.badge(row.decision_class)
        ),
        Column(name="reason", label=gettext_lazy("Main reason"), value=main_reason),
        Column(name="confidence", label=gettext_lazy("Confidence"), value="confidence", numeric=True),
        Column(name="contract", label=gettext_lazy("Contract"), value=versioned),
        Column(name="subject", label=gettext_lazy("Subject"), value=subject, hidden=True),
        Column(
            name="environment",
            label=gettext_lazy("Environment"),
            value=lambda row: wording.environment_label(row.environment),
            hidden=True,
        ),
        Column(name="actor", label=gettext_lazy("Actor"), value="actor", mono=True, hidden=True),
        Column(
            name="documents",
            label=gettext_lazy("Asked for"),
            value=lambda row: [wording.humanized(name) for name in row.required_docs],
            hidden=True,
        ),
        Column(
            name="duration",
            label=gettext_lazy("Took"),
            value=lambda row: wording.duration(row.duration_us),
            numeric=True,
            hidden=True,
        ),
        Column(name="trace", label=gettext_lazy("Trace"), value="corr_id", mono=True, hidden=True),
    )

    def row_url(self, row: Any) -> str:
        """Return the page of a decision."""
        return reverse("decision", args=[row.id])

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Show one page of decisions, or export all that is filtered."""
        wanted = wanted_of(request)
        if request.GET.get("export"):
            return self.export(request, wanted)
        return self.render(request, self.shown(request, wanted), partial=self.partial)

    def export(self, request: HttpRequest, wanted: Filters) -> StreamingHttpResponse:
        """Stream the decisions as a download."""
        questions.door().authorize(request, "decision.export")
        person: Any = request
        kind = request.GET["export"]
        made = exporting.begin(filters=wanted, kind=kind)
        content = exporting.stream(
            filters=wanted,
            kind=kind,
            export_id=made,
            tenant_id=scope.require(),
            actor=person.subject.actor,
        )
        name = f"decisions-{clock.now():%Y%m%d-%H%M%S}.{kind}"
        return StreamingHttpResponse(
            content,
            content_type=exporting.FORMATS[kind],
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        )

    def shown(self, request: HttpRequest, wanted: Filters) -> dict[str, Any]:
        """Return what the template shows."""
        known = known_of(request)
        page = listing.list_page(
            wanted, cursor=request.GET.get("after", ""), limit=self.page_size, known=known
        )
        count = counting.count(wanted, page=page, known=known)
        columns = self.chosen_columns(request)
        prepared = self.prepared_filters(request)
        return {
            "rows": [
                {"row": row, "url": self.row_url(row), "cells": [(c, c.of(row)) for c in columns]}
                for row in page.rows
            ],
            "columns": columns,
            "column_choices": [{"column": column, "shown": column in columns} for column in self.columns],
            "count": count.value,
            "count_exact": count.is_exact,
            "newer": self.query(request, after=page.previous) if page.previous else "",
            "older": self.query(request, after=page.next) if page.next else "",
            "filters": [item for item in prepared if item["filter"].name in self.first_filters],
            "more_filters": [item for item in prepared if item["filter"].name not in self.first_filters],
            "window": self.window(request, wanted),
            "is_filtered": not wanted.is_empty,
            "query": self.query(request),
            "views": self.shown_views(request),
            "open_url": self.open_url(request),
            "sort": "",
        }

    def prepared_filters(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Return each filter with its options and the values in force."""
        values = self.wanted(request)
        return [
            {
                "filter": item,
                "options": item.options(request) if item.kind in {"choice", "many"} else [],
                "values": values.get(item.name, []),
                "value": (values.get(item.name) or [""])[-1],
            }
            for item in self.filters
        ]

    def window(self, request: HttpRequest, wanted: Filters) -> dict[str, Any] | None:
        """Return the exact window that a link from a number brought along, and the way out of it."""
        if not (request.GET.get("from") or request.GET.get("to")):
            return None
        rest = request.GET.copy()
        for name in ("from", "to", "after", "open"):
            rest.pop(name, None)
        texts = [_moment(moment) if moment else "…" for moment in (wanted.start, wanted.end)]
        return {
            "text": _("%(start)s to %(end)s") % {"start": texts[0], "end": texts[1]},
            "pairs": [(name, request.GET[name]) for name in ("from", "to") if request.GET.get(name)],
            "without": f"?{rest.urlencode()}",
        }


def _moment(moment: Any) -> str:
    local = timezone.localtime(moment)
    return f"{formats.date_format(local, 'MONTH_DAY_FORMAT')} {local:%H:%M}"
