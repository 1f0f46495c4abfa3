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


def _table(names: Sequence[str], drawn: Sequence[dict[str, Any]]) -> list[tuple[str, list[Any]]]:
    return [(name, [item["values"][row] for item in drawn]) for row, name in enumerate(names)]
