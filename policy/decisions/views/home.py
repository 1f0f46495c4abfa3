"""Home: what was decided, how sure and how fast, whether the ledger is whole, and what needs this person.

What must stay true: every number states its window and opens exactly the decisions behind it.
"""

from __future__ import annotations

import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from decisionos.kernel import clock
from decisionos.kernel.console import charts, context, pages, registry
from decisionos.kernel.console.templatetags import console as shown
from decisionos.kernel.ledger import state
from policy.decisions import listing, wording
from policy.decisions.filters import Filters
from policy.decisions.statistics import selectors as statistics
from policy.decisions.statistics.selectors import Hour, Totals, Window
from policy.decisions.views.lists import main_reason

WINDOWS = {"24h": 24, "7d": 24 * 7, "30d": 24 * 30}
MOST_RECENT, MOST_REASONS = 8, 6
TONES = {"approve": "c2", "review": "c3", "reject": "c4"}


def address(window: Window, **more: Any) -> str:
    """Return the list of the decisions behind a number of this window."""
    query = window.within(Filters(**more)).as_query()
    return f"{reverse('decisions')}?{query}"


# Below so many decisions a comparison says more about chance than about change.
FEWEST_COMPARED = 100


def difference(now: Totals, before: Totals, rate: str = "") -> str:
    """Return how a count, or a rate in points, stands to the window before; fewer are only counted."""
    if before.decisions < FEWEST_COMPARED:
        count = {"count": wording.value(before.decisions)}
        return _("%(count)s in the window before") % count if not rate else ""
    if rate:
        change = ((getattr(now, rate) or 0) - (getattr(before, rate) or 0)) * 100
    else:
        change = (now.decisions - before.decisions) / before.decisions * 100
    if round(abs(change), 1) == 0:
        return _("as in the window before")
    texts = {"sign": "−" if change < 0 else "+", "size": formats.number_format(abs(change), decimal_pos=1)}
    if rate:
        return _("%(sign)s%(size)s pp on the window before") % texts
    return _("%(sign)s%(size)s %% on the window before") % texts


def daily(hours: list[Hour], step: int) -> list[Totals]:
    """Return the hours joined, ``step`` at a time, for a small curve."""
    return [statistics.total(hours[at : at + step]) for at in range(0, len(hours), step)]


class HomePage(pages.Page):
    """The first page."""

    template = "policy/decisions/home.html"
    permission = "decision.read"
    title = gettext_lazy("Home")
    active = "home"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        name = request.GET.get("window", "24h")
        name = name if name in WINDOWS else "24h"
        now = clock.now()
        window = Window.last(WINDOWS[name], now=now)
        hours, known = statistics.per_hour(window), listing.known_patterns()
        shell = context.shell_of(request)
        page = listing.list_page(Filters(), limit=MOST_RECENT, known=known)
        return self.render(
            request,
            {
                "title": greeting(timezone.localtime(now), shell.name),
                "today": timezone.localtime(now),
                "windows": [
                    {"name": item, "active": item == name, "url": f"?window={item}"} for item in WINDOWS
                ],
                "is_new": not page.rows,
                "stats": self.stats(window, hours),
                "chart": chart(window, hours[:-1]),
                "reasons": reasons(window, statistics.total(hours), known),
                "window_text": window_text(name),
                "attentions": list(registry.ask_all(registry.attentions, request, shell.allowed)),
                "ledger": state.read() if "ledger.read" in shell.allowed else None,
                "recent": [{"row": row, "reason": main_reason(row)} for row in page.rows],
                "all_url": reverse("decisions"),
            },
        )

    @staticmethod
    def stats(window: Window, hours: list[Hour]) -> list[dict[str, Any]]:
        """Return the four numbers."""
        now, before = statistics.total(hours), statistics.totals(window.before())
        # The hour in progress would end every curve with a fall that is none.
        curve = daily(hours[:-1], max(1, len(hours) // 24))
        times = statistics.durations(window)
        return [
            {
                "label": _("Decisions"),
                "value": shown.number(now.decisions),
                "note": difference(now, before),
                "url": address(window),
                "definition": _("Every decision that was made and sealed in this window."),
                "series": [item.decisions for item in curve],
                "tone": "c1",
            },
            {
                "label": pgettext_rate("approve"),
                "value": shown.percent(now.approval_rate),
                "note": difference(now, before, "approval_rate")
                or _("%(count)s decisions") % {"count": wording.value(now.approve)},
                "url": address(window, classes=("approve",)),
                "definition": _("Approved decisions by all decisions of the window."),
                "series": [item.approval_rate or 0 for item in curve],
                "tone": "c2",
            },
            {
                "label": pgettext_rate("review"),
                "value": shown.percent(now.review_rate),
                "note": difference(now, before, "review_rate")
                or _("%(count)s decisions") % {"count": wording.value(now.review)},
                "url": address(window, classes=("review",)),
                "definition": _("Decisions of class review by all decisions of the window."),
                "series": [item.review_rate or 0 for item in curve],
                "tone": "c3",
            },
            {
                "label": _("Decision time, p99"),
                "value": wording.duration(times.p99),
                "note": _("half of them within %(time)s") % {"time": wording.duration(times.p50)},
                "url": address(window),
                "definition": _(
                    "Time from the checked input to the sealed answer, without network and database; "
                    "99 of 100 decisions took no longer. Read from a histogram, at most 2 % off."
                ),
                "series": [],
                "tone": "c5",
            },
        ]


def pgettext_rate(name: str) -> str:
    """Return what a rate is called."""
    return {"approve": _("Approved"), "review": _("To a person")}[name]


def window_text(name: str) -> str:
    """Return a window in words."""
    return {"24h": _("the last 24 hours"), "7d": _("the last 7 days"), "30d": _("the last 30 days")}[name]


def greeting(now: datetime.datetime, name: str) -> str:
    """Return a greeting for the time of day."""
    person = name.split("@", maxsplit=1)[0]
    texts = {"name": person}
    if now.hour < 12:
        return _("Good morning, %(name)s") % texts
    return (_("Good afternoon, %(name)s") if now.hour < 18 else _("Good evening, %(name)s")) % texts


def chart(window: Window, hours: list[Hour]) -> dict[str, Any]:
    """Return decisions per hour by class; a point opens its hour. Long windows are joined to six hours."""
    step = 1 if len(hours) <= 24 * 7 else 6
    starts = [hours[at].start for at in range(0, len(hours), step)]
    width = datetime.timedelta(hours=step)
    urls = [address(Window(start, min(start + width, window.end))) for start in starts]
    joined = daily(hours, step)
    drawn = [
        charts.series(
            wording.class_label(name), [getattr(item, name) for item in joined], TONES[name], urls=urls
        )
        for name in statistics.CLASSES
    ]
    return charts.over_time(starts, *drawn, x_label=_("Hour") if step == 1 else _("Six hours from"))


def reasons(window: Window, totals: Totals, known: listing.Known) -> list[dict[str, Any]]:
    """Return the main reasons with their share of all decisions."""
    return [
        {
            "label": wording.humanized(item.name),
            "count": item.decisions,
            "percent": 100 * item.decisions / totals.decisions if totals.decisions else 0,
            "share": item.decisions / totals.decisions if totals.decisions else None,
            "tone": TONES.get(item.decision_class, "c6"),
            "class_label": wording.class_label(item.decision_class),
            "url": address(window, reasons=(item.name,)),
        }
        for item in statistics.main_reasons(window, most=MOST_REASONS, known=known)
    ]
