"""Lists: filters that live in the URL, keyset paging, estimated counts, saved views, export of what is shown.

What must stay true: the same filters make the page, its count and its export; a page costs the same wherever
it stands in the list; no list counts a million rows.
"""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.core import exceptions
from django.db import connection
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.utils import dateparse, timezone
from django.utils.translation import gettext as _

from decisionos.kernel import clock, errors
from decisionos.kernel.console import exports, pages, selectors

RESERVED = ("after", "before", "export", "open", "sort")
Rows = QuerySet[Any, Any]
Choices = Sequence[tuple[str, Any]] | Callable[[HttpRequest], Iterable[tuple[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One filter. ``kind``: search, text, choice, many, flag, period, number.

    It narrows through ``apply(rows, value)`` or the ``lookup`` of a field. A period is ``today``, ``7d``,
    ``30d`` or ``2026-11-01..2026-11-30`` in the organization's zone; a number is ``5``, ``5..9`` or ``..9``.
    """

    name: str
    label: Any
    kind: str = "choice"
    lookup: str = ""
    choices: Choices = ()
    apply: Callable[[Rows, Any], Rows] | None = None
    default: str = ""
    hint: Any = ""

    def options(self, request: HttpRequest) -> list[tuple[str, Any]]:
        """Return the choices for this request."""
        return [
            (str(key), label)
            for key, label in (self.choices(request) if callable(self.choices) else self.choices)
        ]

    def narrow(self, rows: Rows, values: list[str]) -> Rows:
        """Return the rows that fit; raises BadRequest for a value that cannot be read."""
        value = values[-1]
        if self.apply is not None:
            return self.apply(rows, values if self.kind == "many" else value)
        field = self.lookup or self.name
        if self.kind == "many":
            return rows.filter(**{f"{field}__in": values})
        if self.kind == "period":
            begin, end = period(value)
            rows = rows.filter(**{f"{field}__gte": begin}) if begin else rows
            return rows.filter(**{f"{field}__lt": end}) if end else rows
        if self.kind == "number":
            least, most = interval(value)
            rows = rows.filter(**{f"{field}__gte": least}) if least is not None else rows
            return rows.filter(**{f"{field}__lte": most}) if most is not None else rows
        if self.kind == "flag":
            return rows.filter(**{field: value in {"1", "true", "yes"}})
        return rows.filter(**{field: value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. ``value`` is an attribute path or a function of the row; ``template`` draws the cell."""

    name: str
    label: Any
    value: str | Callable[[Any], Any] = ""
    template: str = ""
    numeric: bool = False
    mono: bool = False
    hidden: bool = False
    export: bool = True
    sort: str = ""

    def of(self, row: Any) -> Any:
        """Return the value of a row."""
        if callable(self.value):
            return self.value(row)
        found = row
        for part in (self.value or self.name).split("."):
            found = found.get(part) if isinstance(found, dict) else getattr(found, part, None)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view that the page brings along: a label and a query."""

    label: Any
    query: str
    count: Callable[[HttpRequest], int | None] | None = None


def _unreadable(value: str) -> errors.BadRequest:
    return errors.BadRequest(_("The filter value “%(value)s” cannot be read.") % {"value": value[:80]})


def period(value: str) -> tuple[datetime.datetime | None, datetime.datetime | None]:
    """Return the half-open period that a text names, in the zone in force."""
    today = timezone.localtime(clock.now()).date()
    if value == "today":
        first: datetime.date | None = today
        last: datetime.date | None = None
    elif value.endswith("d") and value[:-1].isdigit() and len(value) < 6:
        first, last = today - datetime.timedelta(days=int(value[:-1]) - 1), None
    else:
        try:
            begin, _separator, end = value.partition("..")
            first = dateparse.parse_date(begin) if begin else None
            last = dateparse.parse_date(end) if end else (first if ".." not in value else None)
        except ValueError as error:
            raise _unreadable(value) from error
        if first is None and last is None:
            raise _unreadable(value)
    zone = timezone.get_current_timezone()
    midnight = datetime.time()
    after = last + datetime.timedelta(days=1) if last else None
    return (
        datetime.datetime.combine(first, midnight, zone) if first else None,
        datetime.datetime.combine(after, midnight, zone) if after else None,
    )


def interval(value: str) -> tuple[float | None, float | None]:
    """Return the closed interval that a text names."""
    least, dots, most = value.partition("..")
    try:
        low = float(least) if least else None
        high = float(most) if most else (None if dots else low)
    except ValueError as error:
        raise _unreadable(value) from error
    return low, high


def estimate(rows: Rows, exact_up_to: int = 10_000) -> tuple[int, bool]:
    """Return how many rows there are, and whether that is exact; past the bound it is the planner's guess."""
    counted = rows.order_by()[: exact_up_to + 1].count()
    if counted <= exact_up_to:
        return counted, True
    sql, parameters = rows.order_by().query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", parameters)
        found = cursor.fetchone()[0]
    plan = json.loads(found) if isinstance(found, str) else found
    return max(int(plan[0]["Plan"]["Plan Rows"]), counted), False


def encode_cursor(row: Model, ordering: Sequence[str]) -> str:
    """Return where a row stands in an order."""
    values = [str(getattr(row, name.lstrip("-"))) for name in ordering]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def beyond(rows: Rows, ordering: Sequence[str], cursor: str, *, backwards: bool) -> Rows:
    """Return the rows that follow a cursor, or precede it; raises BadRequest for a cursor of another list."""
    try:
        texts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        names = [name.lstrip("-") for name in ordering]
        values = [
            rows.model._meta.get_field(name).to_python(text) for name, text in zip(names, texts, strict=True)
        ]
    except (ValueError, TypeError, AttributeError, exceptions.ValidationError) as error:
        raise errors.BadRequest(_("This page of the list is not known. Start at its top.")) from error
    condition, equal = Q(), Q()
    for name, value, sign in zip(names, values, ordering, strict=True):
        side = "lt" if sign.startswith("-") != backwards else "gt"
        condition |= equal & Q(**{f"{name}__{side}": value})
        equal &= Q(**{name: value})
    side = "lte" if ordering[0].startswith("-") != backwards else "gte"
    return rows.filter(Q(**{f"{names[0]}__{side}": values[0]}) & condition)


class ListPage(pages.Page):
    """A list of rows; subclasses name columns and filters and give ``rows``."""

    template = "console/list.html"
    partial: ClassVar[str] = "console/components/list_body.html"
    filters: ClassVar[Sequence[Filter]] = ()
    columns: ClassVar[Sequence[Column]] = ()
    views: ClassVar[Sequence[View]] = ()
    ordering: ClassVar[Sequence[str]] = ("-id",)
    orderings: ClassVar[dict[str, Sequence[str]]] = {}
    page_size: ClassVar[int] = 50
    split: ClassVar[bool] = False
    exportable: ClassVar[bool] = True
    empty_title: ClassVar[Any] = ""
    empty_text: ClassVar[Any] = ""
    empty_url: ClassVar[str] = ""
    empty_label: ClassVar[Any] = ""

    def rows(self, request: HttpRequest) -> Rows:
        """Return every row that the person may see here."""
        raise errors.NotFound()

    def row_url(self, row: Any) -> str:
        """Return the page of a row, or an empty text."""
        return ""

    def prepare(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        """Complete the rows of one page, in one query rather than in one for each."""
        return rows

    def more(self, request: HttpRequest) -> dict[str, Any]:
        """Return what a template of one's own needs besides."""
        return {}

    def wanted(self, request: HttpRequest) -> dict[str, list[str]]:
        """Return the filters in force; a default holds until the URL says something else."""
        found = {}
        for item in self.filters:
            values = [value for value in request.GET.getlist(item.name) if value.strip("\0 ")]
            if not values and item.default and item.name not in request.GET:
                values = [item.default]
            if values:
                found[item.name] = [value.replace("\0", "").strip() for value in values]
        return found

    def filtered(self, request: HttpRequest) -> Rows:
        """Return the rows under the filters in force."""
        rows, wanted = self.rows(request), self.wanted(request)
        for item in self.filters:
            if item.name in wanted:
                rows = item.narrow(rows, wanted[item.name])
        return rows

    def order(self, request: HttpRequest) -> Sequence[str]:
        """Return the order in force."""
        return self.orderings.get(request.GET.get("sort", ""), self.ordering)

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Show one page, or export all that is filtered."""
        rows = self.filtered(request)
        if self.exportable and request.GET.get("export"):
            return exports.stream(
                request, rows.order_by(*self.order(request)), self.columns, name=self.active or "rows"
            )
        return self.render(request, self.context(request, rows), partial=self.partial)

    def context(self, request: HttpRequest, rows: Rows) -> dict[str, Any]:
        """Return what the template shows."""
        shown, newer, older = self.page_of(request, rows)
        count, exact = estimate(rows)
        wanted, columns = self.wanted(request), self.chosen_columns(request)
        return {
            "rows": [
                {"row": row, "url": self.row_url(row), "cells": [(c, c.of(row)) for c in columns]}
                for row in self.prepare(request, shown)
            ],
            "columns": columns,
            "column_choices": [{"column": c, "shown": c in columns} for c in self.columns],
            "count": count,
            "count_exact": exact,
            "newer": newer,
            "older": older,
            "filters": [
                {
                    "filter": item,
                    "options": item.options(request) if item.kind in {"choice", "many"} else [],
                    "values": wanted.get(item.name, []),
                    "value": (wanted.get(item.name) or [""])[-1],
                }
                for item in self.filters
            ],
            "is_filtered": any(name in request.GET for name in (f.name for f in self.filters)),
            "query": self.query(request),
            "views": self.shown_views(request),
            "open_url": self.open_url(request),
            "sort": request.GET.get("sort", ""),
            **self.more(request),
        }

    def chosen_columns(self, request: HttpRequest) -> list[Column]:
        """Return the columns that the person chose; the first one is always there."""
        names = set(request.COOKIES.get(f"{self.active}_columns", "").split("."))
        chosen = names & {column.name for column in self.columns}
        chosen = chosen or {column.name for column in self.columns if not column.hidden}
        return [column for column in self.columns if column.name in chosen or column is self.columns[0]]

    def page_of(self, request: HttpRequest, rows: Rows) -> tuple[list[Any], str, str]:
        """Return the rows of one page and the queries of its neighbours."""
        ordering = self.order(request)
        after, before = request.GET.get("after", ""), request.GET.get("before", "")
        if before and not after:
            turned = [name[1:] if name.startswith("-") else f"-{name}" for name in ordering]
            part = beyond(rows, ordering, before, backwards=True).order_by(*turned)
            found = list(part[: self.page_size + 1])
            has_newer, has_older = len(found) > self.page_size, True
            found = found[: self.page_size][::-1]
        else:
            part = beyond(rows, ordering, after, backwards=False) if after else rows
            found = list(part.order_by(*ordering)[: self.page_size + 1])
            has_newer, has_older = bool(after), len(found) > self.page_size
            found = found[: self.page_size]
        newer = self.query(request, before=encode_cursor(found[0], ordering)) if found and has_newer else ""
        older = self.query(request, after=encode_cursor(found[-1], ordering)) if found and has_older else ""
        return found, newer, older

    @staticmethod
    def query(request: HttpRequest, **more: str) -> str:
        """Return the URL's query without what concerns one page, with something added."""
        kept: QueryDict = request.GET.copy()
        for name in ("after", "before", "export", "open"):
            kept.pop(name, None)
        for name, value in more.items():
            kept[name] = value
        return kept.urlencode()

    def open_url(self, request: HttpRequest) -> str:
        """Return the page of the row that the URL says is open beside the list."""
        wanted = request.GET.get("open", "")
        if not self.split or not wanted.startswith("/") or wanted.startswith("//"):
            return ""
        return wanted

    def shown_views(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Return the page's own views, then those that people saved."""
        here = self.query(request)
        own = [
            {
                "label": view.label,
                "url": f"?{view.query}",
                "active": here == view.query,
                "count": view.count(request) if view.count else None,
                "saved": None,
            }
            for view in self.views
        ]
        kept: Any = request
        saved = [
            {
                "label": view.name,
                "url": f"{request.path}?{view.query}",
                "active": here == view.query,
                "count": None,
                "saved": view,
            }
            for view in selectors.list_views(user_id=kept.subject.id, page=self.active)
        ]
        return own + saved

    def post(self, request: HttpRequest) -> HttpResponse:
        """Refuse; a list is only looked at."""
        raise errors.BadRequest(_("Use the button of the page."), code="method_not_allowed")
