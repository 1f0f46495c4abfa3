"""Words of the pages of backtests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from decisionos.kernel.console.templatetags import console
from policy.decisions.enums import BacktestState
from policy.decisions.models import Backtest
from policy.rules import people

_ACTOR = re.compile(r"\b(?:user|key|token):[0-9a-f-]{36}")
STATES: dict[str, Any] = {
    BacktestState.DRAFT: gettext_lazy("Waits for its columns"),
    BacktestState.QUEUED: gettext_lazy("Queued"),
    BacktestState.RUNNING: gettext_lazy("Running"),
    BacktestState.DONE: gettext_lazy("Done"),
    BacktestState.FAILED: gettext_lazy("Failed"),
    BacktestState.CANCELLED: gettext_lazy("Cancelled"),
}
TONES = {
    "draft": "warn",
    "queued": "plain",
    "running": "info",
    "done": "ok",
    "failed": "bad",
    "cancelled": "plain",
}
FIGURES: tuple[tuple[str, Any, Any], ...] = (
    (
        "reject_precision",
        gettext_lazy("Reject precision"),
        gettext_lazy("Of the rejected rows with a label, how many turned out bad."),
    ),
    (
        "recall",
        gettext_lazy("Recall of bad"),
        gettext_lazy("Of the rows that turned out bad, how many were rejected."),
    ),
    ("review_rate", gettext_lazy("Review rate"), gettext_lazy("How many of all rows go to a person.")),
    ("approval_rate", gettext_lazy("Approval rate"), gettext_lazy("How many of all rows are approved.")),
    (
        "bad_rate_of_approved",
        gettext_lazy("Bad among approved"),
        gettext_lazy("Of the approved rows with a label, how many turned out bad."),
    ),
)


def figures(metrics: Mapping[str, Any], comparison: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the rates with what they mean, and with what they were before."""
    return [
        {
            "label": label,
            "definition": definition,
            "value": metrics[key],
            "before": comparison["metrics"][key] if comparison else None,
            "change": comparison["difference"][key] if comparison else None,
        }
        for key, label, definition in FIGURES
    ]


def confusion(metrics: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the counts by label, each label in words."""
    names = {1: _("turned out good"), 0: _("turned out bad"), None: _("not known")}
    return [(names[item["label"]], item) for item in reversed(metrics["confusion"])]


def whole(value: Any) -> int | None:
    """Return a number that JSON gave as text."""
    return None if value in {None, "null", ""} else int(float(value))


def share(value: Any) -> str:
    """Return a share that JSON gave as text."""
    return console.percent(None if value in {None, "null", ""} else float(value))


def source_of(row: Backtest) -> str:
    """Return where the rows came from."""
    if row.source != "history":
        return row.file_name or row.source.upper()
    days = [str(row.options[name])[:10] for name in ("start", "end") if row.options.get(name)]
    return f"{_('History')} {' – '.join(days)}".strip()


def named(text: str) -> str:
    """Return a text of the row with names in place of the ids of those who acted."""
    actors = _ACTOR.findall(text)
    for actor, name in people.names_of(actors).items() if actors else ():
        text = text.replace(actor, name)
    return text


def took(row: Backtest) -> str:
    """Return how long the last run took."""
    if row.started_at is None or row.finished_at is None:
        return console.DASH
    seconds = (row.finished_at - row.started_at).total_seconds()
    return _("%(seconds)s s") % {"seconds": console.number(round(seconds, 1))}


def hours(count: int) -> str:
    """Return how long a link lives."""
    if count % 24 == 0:
        return ngettext("%(count)s day", "%(count)s days", count // 24) % {"count": count // 24}
    return ngettext("%(count)s hour", "%(count)s hours", count) % {"count": count}
