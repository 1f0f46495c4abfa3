"""Conversions between types. Each refuses what it cannot represent; none rounds silently but to a double."""

from __future__ import annotations

import math
import re
from typing import Any

from policy.rules.cel import values
from policy.rules.cel.functions import times
from policy.rules.cel.functions.registry import add, overload
from policy.rules.cel.problems import EvaluationProblem
from policy.rules.cel.values import NANOS, Duration, Timestamp, Uint

_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
_REAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?(?i:inf|infinity|nan)")
_BOOLS = {
    **dict.fromkeys(("1", "t", "true", "T", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "false", "F", "FALSE", "False"), False),
}

for _name in ("int", "uint", "double", "string", "bytes", "bool", "timestamp", "duration"):
    add(f"{_name}({_name}) -> {_name}", lambda value: value)
add("dyn(A) -> dyn", lambda value: value)
add("type(dyn) -> type", values.type_of)
add("double(int) -> double", float)
add("double(uint) -> double", float)
add("bytes(string) -> bytes", lambda text: text.encode("utf-8", "surrogatepass"))
add("duration(string) -> duration", times.parse_duration)
add("timestamp(string) -> timestamp", times.parse_timestamp)
add("timestamp(int) -> timestamp", lambda seconds: Timestamp(seconds * NANOS))
add("int(timestamp) -> int", lambda moment: moment.nanoseconds // NANOS)
add("string(timestamp) -> string", times.format_timestamp)
add("string(duration) -> string", times.format_duration)
add("string(bool) -> string", lambda value: "true" if value else "false")
add("string(int) -> string", lambda value: str(int(value)))
add("string(uint) -> string", lambda value: str(int(value)))


def double_text(value: float) -> str:
    """Write a double in the shortest form that reads back as the same number."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value).removesuffix(".0")


add("string(double) -> string", double_text)


@overload("int(uint) -> int")
def int_from_uint(value: Uint) -> int:
    """Return an unsigned integer as signed."""
    if value > values.INT_MAX:
        raise EvaluationProblem("range error: uint to int")
    return int(value)


@overload("int(double) -> int")
def int_from_double(value: float) -> int:
    """Cut off the fraction."""
    if not -(2.0**63) < value < 2.0**63:
        raise EvaluationProblem("range error: double to int")
    return int(value)


@overload("uint(int) -> uint")
def uint_from_int(value: int) -> Uint:
    """Return a signed integer as unsigned."""
    if value < 0:
        raise EvaluationProblem("range error: int to uint")
    return Uint(value)


@overload("uint(double) -> uint")
def uint_from_double(value: float) -> Uint:
    """Cut off the fraction."""
    if not -1.0 < value < 2.0**64:
        raise EvaluationProblem("range error: double to uint")
    return Uint(int(value))


@overload("int(string) -> int")
def int_from_string(text: str) -> int:
    """Read a whole number in decimal."""
    if not _WHOLE.fullmatch(text):
        raise EvaluationProblem(f"type conversion error: not an int: {text[:40]!r}")
    return values.int64(int(text))


@overload("uint(string) -> uint")
def uint_from_string(text: str) -> Uint:
    """Read a whole number in decimal, without a sign."""
    if not _WHOLE.fullmatch(text) or text[0] in "+-":
        raise EvaluationProblem(f"type conversion error: not a uint: {text[:40]!r}")
    return values.uint64(int(text))


@overload("double(string) -> double")
def double_from_string(text: str) -> float:
    """Read a number, NaN or an infinity."""
    if not _REAL.fullmatch(text):
        raise EvaluationProblem(f"type conversion error: not a double: {text[:40]!r}")
    return float(text)


@overload("bool(string) -> bool")
def bool_from_string(text: str) -> bool:
    """Read a boolean."""
    if text not in _BOOLS:
        raise EvaluationProblem(f"type conversion error: not a bool: {text[:40]!r}")
    return _BOOLS[text]


@overload("string(bytes) -> string")
def string_from_bytes(data: bytes) -> str:
    """Read UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise EvaluationProblem("invalid UTF-8 in bytes") from error


@overload("(timestamp) toString() -> string", "(duration) toString() -> string")
def text_of(value: Any) -> str:
    """Write a timestamp or duration."""
    return times.format_duration(value) if isinstance(value, Duration) else times.format_timestamp(value)
