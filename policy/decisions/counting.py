"""How many decisions there are under filters: exactly where they are few, from the hourly counts where many.

What must stay true: an answer that may be off says so (``is_exact``); counting never takes longer than
reading ten thousand places in an index, plus the decisions of the two hours at the edges of a window.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from django.db import connection
from django.db.models import Sum

from decisionos.kernel.tenants import scope
from policy.decisions import listing
from policy.decisions.filters import Filters
from policy.decisions.listing import Known, Selection
from policy.decisions.statistics import kept
from policy.decisions.statistics.models import HourlyOutcome

MOST_COUNTED = 10_000
_ALL = 2**62


@dataclass(frozen=True, slots=True)
class Count:
    """A number of rows, and whether it is more than an estimate."""

    value: int
    is_exact: bool = True


def count(filters: Filters, *, page: listing.Page | None = None, known: Known | None = None) -> Count:
    """Return how many decisions the filters describe; a page that holds all of them saves the counting."""
    if page is not None and page.is_first and page.next is None:
        return Count(len(page.rows))
    known = known or listing.known_patterns()
    selection = listing.select(filters, known=known)
    if selection.is_nothing:
        return Count(0)
    found = _up_to(selection, MOST_COUNTED + 1)
    if found <= MOST_COUNTED:
        return Count(found)
    if filters.is_counted and known.is_whole:
        return Count(max(_from_hours(filters, selection), found), is_exact=False)
    return Count(max(_estimate(selection), found), is_exact=False)


def _statement(selection: Selection) -> tuple[str, dict[str, Any]]:
    where, values = selection.where, dict(selection.values)
    if selection.patterns is not None:
        where += " AND d.pattern = ANY(%(patterns)s)"
        values["patterns"] = selection.patterns
    return f"SELECT 1 FROM policy_decisions_decision d WHERE {where}", values


def _up_to(selection: Selection, most: int) -> int:
    statement, values = _statement(selection)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({statement} LIMIT %(most)s) t", {**values, "most": most})
        return int(cursor.fetchone()[0])


def _estimate(selection: Selection) -> int:
    """Return the planner's own estimate of the rows."""
    statement, values = _statement(selection)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", values)
        plan = cursor.fetchone()[0]
    plan = orjson.loads(plan) if isinstance(plan, str | bytes) else plan
    return int(plan[0]["Plan"]["Plan Rows"])


def hours_within(
    start: datetime.datetime | None, end: datetime.datetime | None
) -> tuple[datetime.datetime | None, datetime.datetime | None]:
    """Return the first start and the last end of a whole hour within a window."""
    first = hour_of(start) if start else None
    if first is not None and start is not None and first < start:
        first += timedelta(hours=1)
    return first, hour_of(end) if end else None


def hour_of(moment: datetime.datetime) -> datetime.datetime:
    """Return the start of the hour that a moment lies in, by UTC."""
    return moment.astimezone(datetime.UTC).replace(minute=0, second=0, microsecond=0)


def _from_hours(filters: Filters, selection: Selection) -> int:
    """Return the sum of the whole hours in the window and of the rows at its edges."""
    first, last = hours_within(filters.start, filters.end)
    if first is not None and last is not None and first >= last:
        return _up_to(selection, _ALL)
    asked = tuple(selection.patterns) if selection.patterns is not None else None
    total = kept.at_progress(
        "count", first, last, asked, make=lambda: _whole_hours(first, last, selection.patterns)
    )
    if filters.start is not None and first is not None and filters.start < first:
        total += _between(selection, filters.start, first)
    if filters.end is not None and last is not None and last < filters.end:
        total += _between(selection, last, filters.end)
    return total


def _whole_hours(
    first: datetime.datetime | None, last: datetime.datetime | None, patterns: list[int] | None
) -> int:
    rows = HourlyOutcome.objects.filter(tenant_id=scope.require())
    rows = rows.filter(hour__gte=first) if first is not None else rows
    rows = rows.filter(hour__lt=last) if last is not None else rows
    rows = rows.filter(pattern__in=patterns) if patterns is not None else rows
    return int(rows.aggregate(total=Sum("decisions"))["total"] or 0)


def _between(selection: Selection, start: datetime.datetime, end: datetime.datetime) -> int:
    edge = Selection(
        f"{selection.where} AND d.decided_at >= %(edge_start)s AND d.decided_at < %(edge_end)s",
        {**selection.values, "edge_start": start, "edge_end": end},
        selection.patterns,
    )
    return _up_to(edge, _ALL)
