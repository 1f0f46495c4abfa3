"""What backtests enter into the console: their page, what runs, what failed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from decisionos.kernel import clock
from decisionos.kernel.console import registry
from policy.decisions.backtests import queue, services, wording
from policy.decisions.enums import BacktestState
from policy.decisions.models import Backtest

PERMISSION = "decision.simulate"
RECENT, MOST = timedelta(hours=24), 10


def count_open(request: HttpRequest) -> int | None:
    """Return how many wait or run."""
    return Backtest.objects.filter(state__in=queue.OPEN).count() or None


def find_work(request: HttpRequest) -> Iterator[registry.Work]:
    """Yield what waits, runs, or ended a moment ago."""
    since = clock.now() - timedelta(minutes=10)
    rows = services.list_backtests()
    for row in [*rows.filter(state__in=queue.OPEN)[:MOST], *rows.filter(finished_at__gte=since)[:MOST]]:
        state = {"draft": "queued", "cancelled": "failed"}.get(row.state, row.state)
        yield registry.Work(
            label=f"{_('Backtest')} {row.contract} {row.version}",
            state=state,
            percent=row.progress if row.state == BacktestState.RUNNING else None,
            url=reverse("backtest", args=[row.id]),
            detail=row.error or (wording.STATES[row.state] if row.state == BacktestState.DRAFT else ""),
        )


def find_failed(request: HttpRequest) -> Iterator[registry.Attention]:
    """Yield what failed within a day."""
    rows = services.list_backtests(state=BacktestState.FAILED).filter(finished_at__gte=clock.now() - RECENT)
    for row in rows[:MOST]:
        yield registry.Attention(
            level="warn",
            title=_("The backtest of %(what)s failed") % {"what": f"{row.contract} {row.version}"},
            cause=row.error,
            next_label=_("Look at it"),
            next_url=reverse("backtest", args=[row.id]),
        )


registry.nav(
    domain="decide",
    name="backtests",
    label=_("Backtests"),
    url_name="backtests",
    icon="backtests",
    key="g b",
    permission=PERMISSION,
    count=count_open,
    order=40,
)
registry.action(_("New backtest"), "backtest-new", PERMISSION, icon="flask")
registry.work("backtests", find_work, PERMISSION)
registry.attention("backtests", find_failed, PERMISSION)
