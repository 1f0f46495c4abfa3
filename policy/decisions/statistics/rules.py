"""The histogram of answer times: which bar a time falls into, and what percentile the bars tell. Pure.

Bars grow by 4 %, so that a percentile read from them is at most 2 % off the time that was measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

GROWTH = 1.04
_LOG = math.log(GROWTH)


def bucket_of(microseconds: int) -> int:
    """Return the bar of a time; what took no measurable time counts as one microsecond."""
    return math.floor(math.log(max(microseconds, 1)) / _LOG)


def microseconds_of(bucket: int) -> float:
    """Return the time that stands for a bar: its geometric middle."""
    return math.exp((bucket + 0.5) * _LOG)


def percentile(bars: Mapping[int, int], share: float) -> float | None:
    """Return the time that ``share`` of all decisions stayed within, in microseconds; None without any."""
    total = sum(bars.values())
    if not total:
        return None
    wanted, seen = math.ceil(total * share), 0
    for bucket in sorted(bars):
        seen += bars[bucket]
        if seen >= wanted:
            return microseconds_of(bucket)
    return microseconds_of(max(bars))


def rate(part: int, whole: int) -> float | None:
    """Return a share between 0 and 1, or None of nothing."""
    return part / whole if whole else None
