"""What the counts tell: decisions per hour, rates, answer times, main reasons; each over one stated window.

What must stay true: a window starts and ends at a whole hour, so that every number here is a sum of counts
and the list under the same window and filters holds exactly the decisions behind it.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from django.db.models import QuerySet, Sum

from decisionos.kernel.tenants import scope
from policy.decisions import counting, listing
from policy.decisions.filters import Filters
from policy.decisions.listing import Known
from policy.decisions.statistics import kept, rules
from policy.decisions.statistics.models import HourlyDuration, HourlyOutcome, Progress

CLASSES = ("approve", "review", "reject")


@dataclass(frozen=True, slots=True)
class Window:
    """Whole hours; ``start`` is included, ``end`` is not."""

    start: datetime.datetime
    end: datetime.datetime

    @classmethod
    def last(cls, hours: int, *, now: datetime.datetime) -> Window:
        """Return the hour in progress and the ones before it, ``hours`` in all."""
        end = counting.hour_of(now) + timedelta(hours=1)
        return cls(end - timedelta(hours=hours), end)

    def before(self) -> Window:
        """Return the window of the same length that ends where this one starts."""
        return Window(self.start - (self.end - self.start), self.start)

    def hours(self) -> list[datetime.datetime]:
        """Return the start of each hour."""
        count = int((self.end - self.start) / timedelta(hours=1))
        return [self.start + timedelta(hours=n) for n in range(count)]

    def within(self, filters: Filters) -> Filters:
        """Return the filters narrowed to this window: the rows behind a number."""
        return replace(filters, start=self.start, end=self.end)


@dataclass(frozen=True, slots=True)
class Totals:
    """Decisions of a window by class."""

    approve: int = 0
    review: int = 0
    reject: int = 0

    @property
    def decisions(self) -> int:
        """Return all of them."""
        return self.approve + self.review + self.reject

    @property
    def approval_rate(self) -> float | None:
        """Return the share that was approved."""
        return rules.rate(self.approve, self.decisions)

    @property
    def review_rate(self) -> float | None:
        """Return the share that went to a person."""
        return rules.rate(self.review, self.decisions)

    @property
    def rejection_rate(self) -> float | None:
        """Return the share that was rejected."""
        return rules.rate(self.reject, self.decisions)


@dataclass(frozen=True, slots=True)
class Hour:
    """Decisions of one hour by class."""

    start: datetime.datetime
    totals: Totals


@dataclass(frozen=True, slots=True)
class Reason:
    """How often a reason was given, and with which class most often."""

    name: str
    decisions: int
    decision_class: str


@dataclass(frozen=True, slots=True)
class Durations:
    """Within how many microseconds a share of all decisions were made."""

    decisions: int
    p50: float | None
    p95: float | None
    p99: float | None


def _outcomes(window: Window, filters: Filters, known: Known | None) -> QuerySet[HourlyOutcome]:
    """Return the counts of a window; kinds are chosen by pattern, so that the index alone answers."""
    rows = HourlyOutcome.objects.filter(
        tenant_id=scope.require(), hour__gte=window.start, hour__lt=window.end
    )
    if not filters.has_kind:
        return rows
    known = known or listing.known_patterns()
    if known.is_whole:
        return rows.filter(pattern__in=[item.key for item in known.patterns if item.matches(filters)])
    columns = {
        "contract": filters.contracts,
        "contract_version": filters.versions,
        "environment": filters.environments,
        "decision_class": filters.classes,
    }
    rows = rows.filter(**{f"{name}__in": values for name, values in columns.items() if values})
    if filters.reasons:
        rows = rows.filter(reasons__overlap=list(filters.reasons))
    return rows.filter(rules__overlap=list(filters.rules)) if filters.rules else rows


def per_hour(window: Window, filters: Filters | None = None, *, known: Known | None = None) -> list[Hour]:
    """Return every hour of the window with its decisions by class, empty hours included."""
    given = filters or Filters()

    def make() -> tuple[Hour, ...]:
        rows = _outcomes(window, given, known).values_list("hour", "decision_class")
        found: dict[datetime.datetime, dict[str, int]] = {}
        for hour, decision_class, decisions in rows.annotate(total=Sum("decisions")):
            found.setdefault(hour, {})[decision_class] = int(decisions)
        return tuple(Hour(start, Totals(**found.get(start, {}))) for start in window.hours())

    return list(kept.at_progress("per_hour", window, given, make=make))


def total(hours: Iterable[Hour]) -> Totals:
    """Return the sum over hours."""
    sums = dict.fromkeys(CLASSES, 0)
    for hour in hours:
        for name in CLASSES:
            sums[name] += getattr(hour.totals, name)
    return Totals(**sums)


def totals(window: Window, filters: Filters | None = None, *, known: Known | None = None) -> Totals:
    """Return the decisions of a window by class."""
    given = filters or Filters()

    def make() -> Totals:
        rows = _outcomes(window, given, known).values_list("decision_class")
        return Totals(**{name: int(count) for name, count in rows.annotate(total=Sum("decisions"))})

    return kept.at_progress("totals", window, given, make=make)


def durations(window: Window, filters: Filters | None = None) -> Durations:
    """Return percentiles of the time a decision took inside; only contract and environment narrow them."""
    given = filters or Filters()
    return kept.at_progress("durations", window, given, make=lambda: _durations(window, given))


def _durations(window: Window, given: Filters) -> Durations:
    rows = HourlyDuration.objects.filter(
        tenant_id=scope.require(), hour__gte=window.start, hour__lt=window.end
    )
    rows = rows.filter(contract__in=given.contracts) if given.contracts else rows
    rows = rows.filter(environment__in=given.environments) if given.environments else rows
    bars = {
        bucket: int(count) for bucket, count in rows.values_list("bucket").annotate(total=Sum("decisions"))
    }
    shares = {
        name: rules.percentile(bars, share) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }
    return Durations(sum(bars.values()), **shares)


def main_reasons(
    window: Window, filters: Filters | None = None, *, most: int = 8, known: Known | None = None
) -> list[Reason]:
    """Return the reasons given most often; a decision with two reasons counts for both."""
    given = filters or Filters()
    found = kept.at_progress("reasons", window, given, make=lambda: _main_reasons(window, given, known))
    return list(found[:most])


def _main_reasons(window: Window, given: Filters, known: Known | None) -> tuple[Reason, ...]:
    rows = _outcomes(window, given, known)
    sums = dict(rows.values_list("pattern").annotate(total=Sum("decisions")))
    named = dict(_reasons_of(rows, list(sums), known or listing.known_patterns()))
    counts: dict[str, Counter[str]] = {}
    for pattern, decisions in sums.items():
        decision_class, reasons = named.get(pattern, ("", ()))
        for reason in reasons:
            counts.setdefault(reason, Counter())[decision_class] += int(decisions)
    found = [
        Reason(name, by_class.total(), min(by_class, key=lambda kind: (-by_class[kind], kind)))
        for name, by_class in counts.items()
    ]
    return tuple(sorted(found, key=lambda item: (-item.decisions, item.name)))


def _reasons_of(
    rows: QuerySet[HourlyOutcome], patterns: list[int], known: Known
) -> Iterator[tuple[int, tuple[str, tuple[str, ...]]]]:
    """Yield class and reasons of each pattern, from what is known or else from the counts themselves."""
    if known.is_whole:
        for item in known.patterns:
            yield item.key, (item.decision_class, item.reasons)
        return
    some = rows.filter(pattern__in=patterns).order_by("pattern").distinct("pattern")
    for pattern, decision_class, reasons in some.values_list("pattern", "decision_class", "reasons"):
        yield pattern, (decision_class, tuple(reasons))


def progress() -> Progress | None:
    """Return how far the chain is counted, or None before the first time."""
    return Progress.objects.filter(tenant_id=scope.require()).first()
