"""The data of charts, as the chart module and the table beside it read it.

What must stay true: what is drawn is also written as a table, with the same figures.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from django.utils import formats, timezone


def series(
    label: Any, values: Sequence[float | int | None], tone: str = "c1", *, urls: Sequence[str] = ()
) -> dict[str, Any]:
    """Return one series; ``urls`` open the rows behind each point."""
    return {"label": str(label), "values": list(values), "tone": tone, "urls": list(urls)}


def over_time(
    moments: Sequence[datetime.datetime],
    *drawn: dict[str, Any],
    x_label: Any = "",
    unit: str = "",
    kind: str = "area",
) -> dict[str, Any]:
    """Return a time series; ``kind`` is line, area or bars."""
    local = [timezone.localtime(moment) for moment in moments]
    names = [f"{formats.date_format(moment, 'MONTH_DAY_FORMAT')} {moment:%H:%M}" for moment in local]
    return {
        "x": [int(moment.timestamp()) for moment in local],
        "offset": [int((moment.utcoffset() or datetime.timedelta()).total_seconds()) for moment in local][:1],
        "names": names,
        "time": True,
        "kind": kind,
        "unit": unit,
        "x_label": str(x_label),
        "series": list(drawn),
        "table": _table(names, drawn),
    }


def over_labels(
    labels: Sequence[Any], *drawn: dict[str, Any], x_label: Any = "", unit: str = ""
) -> dict[str, Any]:
    """Return bars, one group for each label."""
    names = [str(label) for label in labels]
    return {
        "x": list(range(len(names))),
        "names": names,
        "time": False,
        "kind": "bars",
        "unit": unit,
        "x_label": str(x_label),
        "series": list(drawn),
        "table": _table(names, drawn),
    }


def funnel(*steps: tuple[Any, int, str]) -> list[dict[str, Any]]:
    """Return the steps of a funnel: a label, how many reached it, and the address of their rows."""
    first = steps[0][1] if steps else 0
    found, before = [], first
    for label, count, url in steps:
        share = 100 * count / first if first else 0.0
        found.append({"label": label, "count": count, "url": url, "percent": share, "lost": before - count})
        before = count
    return found


def heat(
    rows: Sequence[Any], columns: Sequence[Any], values: Sequence[Sequence[float | int | None]]
) -> dict[str, Any]:
    """Return a heat map: a value for each row and column, and the step of its shade."""
    most = max((value for line in values for value in line if value is not None), default=0)
    return {
        "columns": list(columns),
        "rows": [
            (name, [(value, _shade(value, most)) for value in line])
            for name, line in zip(rows, values, strict=True)
        ],
    }


def _shade(value: float | None, most: float) -> str:
    if not value or most <= 0:
        return "h0"
    return f"h{min(4, 1 + int(4 * value / most * 0.999))}"


def _table(names: Sequence[str], drawn: Sequence[dict[str, Any]]) -> list[tuple[str, list[Any]]]:
    return [(name, [item["values"][row] for item in drawn]) for row, name in enumerate(names)]
