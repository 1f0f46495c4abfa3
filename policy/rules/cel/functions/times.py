"""Timestamps and durations: reading, writing and taking them apart, in any time zone.

Time zones come from the installed database by exact name, or are an offset such as +09:00. Nothing here
knows what time it is.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import zoneinfo
from collections.abc import Callable

from policy.rules.cel.functions.registry import add
from policy.rules.cel.problems import EvaluationProblem
from policy.rules.cel.values import NANOS, Duration, Timestamp

_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_DURATION = re.compile(r"([+-]?)((?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:h|ms|m|s|us|µs|μs|ns))+|0)")
_DURATION_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(h|ms|m|s|us|µs|μs|ns)")
_OFFSET = re.compile(r"([+-]?)([0-9]{2}):([0-9]{2})")
_UNITS = {
    "h": 3600 * NANOS,
    "m": 60 * NANOS,
    "s": NANOS,
    "ms": 1_000_000,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ns": 1,
}
_EPOCH = dt.date(1970, 1, 1).toordinal()
_ORIGIN = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def parse_timestamp(text: str) -> Timestamp:
    """Read an RFC 3339 date-time. Raises EvaluationProblem."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise EvaluationProblem(f"not a timestamp: {text[:60]!r}")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    try:
        days = dt.date(year, month, day).toordinal() - _EPOCH
        dt.time(hour, minute, second)
    except ValueError as error:
        raise EvaluationProblem(f"not a timestamp: {text[:60]!r}") from error
    seconds = days * 86_400 + hour * 3600 + minute * 60 + second
    if match[8] not in {"Z", "z"}:
        seconds -= _offset_seconds(match[8])
    return Timestamp(seconds * NANOS + int((match[7] or "0").ljust(9, "0")))


def format_timestamp(moment: Timestamp) -> str:
    """Write an RFC 3339 date-time in UTC, with as many digits of the second as it needs."""
    seconds, nanos = divmod(moment.nanoseconds, NANOS)
    local = _ORIGIN + dt.timedelta(seconds=seconds)
    return f"{local.year:04d}-{local:%m-%dT%H:%M:%S}{_fraction(nanos)}Z"


def parse_duration(text: str) -> Duration:
    """Read a duration such as `1h30m`, `-1.5s` or `250ms`. Raises EvaluationProblem."""
    match = _DURATION.fullmatch(text) if len(text) <= 200 else None
    if match is None:
        raise EvaluationProblem(f"not a duration: {text[:60]!r}")
    total = 0
    for whole, fraction, unit in _DURATION_PART.findall(match[2]):
        total += int(whole or "0") * _UNITS[unit]
        if fraction:
            total += int(fraction) * _UNITS[unit] // 10 ** len(fraction)
    return Duration(-total if match[1] == "-" else total)


def format_duration(span: Duration) -> str:
    """Write a duration in seconds, as in `1.5s`."""
    seconds, nanos = divmod(abs(span.nanoseconds), NANOS)
    return f"{'-' if span.nanoseconds < 0 else ''}{seconds}{_fraction(nanos)}s"


def from_datetime(moment: dt.datetime) -> Timestamp:
    """Return an aware datetime as a timestamp."""
    difference = moment - _ORIGIN
    seconds = difference.days * 86_400 + difference.seconds
    return Timestamp(seconds * NANOS + difference.microseconds * 1000)


def _fraction(nanos: int) -> str:
    return f".{nanos:09d}".rstrip("0") if nanos else ""


def _offset_seconds(text: str) -> int:
    match = _OFFSET.fullmatch(text)
    if match is None or int(match[2]) > 23 or int(match[3]) > 59:
        raise EvaluationProblem(f"not a time zone: {text[:60]!r}")
    seconds = int(match[2]) * 3600 + int(match[3]) * 60
    return -seconds if match[1] == "-" else seconds


@functools.cache
def _zone_names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


@functools.lru_cache(maxsize=512)
def _zone(name: str) -> dt.tzinfo:
    if name in {"UTC", "Z", ""}:
        return dt.UTC
    if _OFFSET.fullmatch(name):
        return dt.timezone(dt.timedelta(seconds=_offset_seconds(name)))
    if name in _zone_names():
        return zoneinfo.ZoneInfo(name)
    raise EvaluationProblem(f"not a time zone: {name[:60]!r}")


def local_time(moment: Timestamp, zone: str = "UTC") -> dt.datetime:
    """Return an instant as a datetime of a time zone."""
    try:
        utc = _ORIGIN + dt.timedelta(seconds=moment.nanoseconds // NANOS)
        return utc.astimezone(_zone(zone))
    except OverflowError as error:
        raise EvaluationProblem("range error: local time outside years 1 to 9999") from error


def _register_getters() -> None:
    getters: dict[str, Callable[[dt.datetime], int]] = {
        "getFullYear": lambda t: t.year,
        "getMonth": lambda t: t.month - 1,
        "getDate": lambda t: t.day,
        "getDayOfMonth": lambda t: t.day - 1,
        "getDayOfWeek": lambda t: t.isoweekday() % 7,
        "getDayOfYear": lambda t: t.timetuple().tm_yday - 1,
        "getHours": lambda t: t.hour,
        "getMinutes": lambda t: t.minute,
        "getSeconds": lambda t: t.second,
    }
    for name, getter in getters.items():
        add(f"(timestamp) {name}() -> int", lambda t, get=getter: get(local_time(t)))
        add(f"(timestamp) {name}(string) -> int", lambda t, zone, get=getter: get(local_time(t, zone)))
    add("(timestamp) getMilliseconds() -> int", lambda t: t.nanoseconds % NANOS // 1_000_000)
    add("(timestamp) getMilliseconds(string) -> int", _milliseconds)
    for name, unit in {"getHours": "h", "getMinutes": "m", "getSeconds": "s"}.items():
        add(f"(duration) {name}() -> int", lambda d, size=_UNITS[unit]: _towards_zero(d.nanoseconds, size))
    add("(duration) getMilliseconds() -> int", lambda d: _towards_zero(d.nanoseconds, 1_000_000, NANOS))


def _milliseconds(moment: Timestamp, zone: str) -> int:
    local_time(moment, zone)
    return moment.nanoseconds % NANOS // 1_000_000


def _towards_zero(nanoseconds: int, unit: int, modulus: int | None = None) -> int:
    size = abs(nanoseconds) if modulus is None else abs(nanoseconds) % modulus
    return -(size // unit) if nanoseconds < 0 else size // unit


_register_getters()
