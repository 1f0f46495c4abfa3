"""`string.format`: the clauses %s %d %f %e %b %o %x %X and %%, with a precision for %f and %e."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from policy.rules.cel import values
from policy.rules.cel.functions import conversions, times
from policy.rules.cel.functions.operators import MAX_SIZE
from policy.rules.cel.functions.registry import overload
from policy.rules.cel.problems import EvaluationProblem
from policy.rules.cel.values import Duration, Optional, Timestamp, TypeValue

_CLAUSE = re.compile(r"%(?:\.([0-9]{1,3}))?(.?)", re.DOTALL)
_MAX_PRECISION = 100
# A map is written in the order of its keys; kinds of keys come in this order.
_KEY_ORDER = {"bool": 0, "int": 1, "uint": 1, "string": 2}


@overload("(string) format(list<dyn>) -> string")
def format_string(template: str, args: list[Any]) -> str:
    """Replace each clause of the template by the next argument."""
    parts: list[str] = []
    place = last = size = 0
    for match in _CLAUSE.finditer(template):
        parts.append(template[last : match.start()])
        last = match.end()
        precision, clause = match[1], match[2]
        if clause == "%" and precision is None:
            parts.append("%")
            continue
        if clause not in _WRITERS:
            raise EvaluationProblem(
                f'could not parse formatting clause: unrecognized formatting clause "{clause}"'
            )
        if place >= len(args):
            raise EvaluationProblem(f"index {place} out of range")
        parts.append(_write(clause, args[place], precision))
        place += 1
        size += len(parts[-1])
        if size > MAX_SIZE:
            raise EvaluationProblem("the result is too large")
    parts.append(template[last:])
    return "".join(parts)


def _write(clause: str, value: Any, precision: str | None) -> str:
    if clause in {"f", "e"}:
        digits = 6 if precision is None else int(precision)
        if digits > _MAX_PRECISION:
            raise EvaluationProblem(f"error during formatting: more than {_MAX_PRECISION} digits")
        return _real(clause, value, digits)
    if precision is not None:
        raise EvaluationProblem(f"could not parse formatting clause: %{clause} has no precision")
    return _WRITERS[clause](value)


def text(value: Any) -> str:
    """Write any value for a reader (the clause %s)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, float):
        return conversions.double_text(value)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Timestamp):
        return times.format_timestamp(value)
    if isinstance(value, Duration):
        return times.format_duration(value)
    if isinstance(value, TypeValue):
        return value.name
    if isinstance(value, list | tuple):
        return f"[{', '.join(text(item) for item in value)}]"
    if isinstance(value, dict):
        keys = sorted(value, key=_key_order)
        return "{" + ", ".join(f"{text(values.from_key(key))}: {text(value[key])}" for key in keys) + "}"
    if isinstance(value, Optional):
        return f"optional({text(value.value)})" if value.present else "optional.none()"
    raise _refusal("string clause can only be used on values", value)


def _key_order(stored: Any) -> tuple[str, int]:
    key = values.from_key(stored)
    return text(key), _KEY_ORDER.get(values.kind(key), 3)


def _decimal(value: Any) -> str:
    if _is_special(value):
        return conversions.double_text(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refusal("decimal clause can only be used on integers", value)
    return str(int(value))


def _real(clause: str, value: Any, digits: int) -> str:
    if not values.is_number(value):
        name = "scientific clause" if clause == "e" else "fixed-point clause"
        raise _refusal(f"{name} can only be used on doubles", value)
    number = float(value)
    if _is_special(number):
        return conversions.double_text(number)
    return f"{number:.{digits}{clause}}"


def _binary(value: Any) -> str:
    if not isinstance(value, int):
        raise _refusal("only integers and bools can be formatted as binary", value)
    return f"{int(value):b}"


def _octal(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refusal("octal clause can only be used on integers", value)
    return f"{int(value):o}"


def _hexadecimal(value: Any) -> str:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").hex()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refusal("only integers, byte buffers, and strings can be formatted as hex", value)
    return f"{int(value):x}"


_WRITERS: dict[str, Callable[[Any], str]] = {
    "s": text,
    "d": _decimal,
    "f": text,
    "e": text,
    "b": _binary,
    "o": _octal,
    "x": _hexadecimal,
    "X": lambda value: _hexadecimal(value).upper(),
}


def _is_special(value: Any) -> bool:
    return isinstance(value, float) and (math.isnan(value) or math.isinf(value))


def _refusal(reason: str, value: Any) -> EvaluationProblem:
    return EvaluationProblem(f"error during formatting: {reason}, was given {values.type_of(value).name}")
