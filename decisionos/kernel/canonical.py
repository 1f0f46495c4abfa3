"""Canonical JSON (RFC 8785): one value, one sequence of bytes, on every machine and in every language.

What must stay true: ``encode`` equals the reference library on every value. The quick encoder is used
only where its output provably is canonical (see ``_without_zeros``); everything else takes the slow path.
``decode(text)`` undoes what ``jsonb`` does to large numbers, so that a digest survives the database.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import uuid
from decimal import Decimal
from enum import Enum
from typing import Any

import orjson
import rfc8785

from decisionos.kernel import errors

MAX_SAFE_INTEGER = 2**53 - 1

_OPTIONS = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_STRICT_INTEGER
)

_BEYOND_BASIC_PLANE = re.compile(rb"[\xf0-\xf4]")
_EXPONENT = re.compile(rb"e[-+]?[0-9]+[,}\]]")
_ZERO = re.compile(rb"\.0(?=[,}\]])")


def _hides_nan(value: Any) -> bool:
    """Return whether a float that is no number stands somewhere: the quick encoder writes null for it."""
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(map(_hides_nan, value.values()))
    return isinstance(value, list | tuple) and any(map(_hides_nan, value))


def _without_zeros(value: Any, quick: bytes) -> bytes | None:
    """Return the canonical bytes where the quick encoder's differ at most by ``.0``; None where they may
    differ by more.

    It differs from RFC 8785 in floats with an exponent or with ".0", in NaN, and in the order of keys beyond
    the basic plane (by UTF-16 units there). Large integers it refuses itself. Text at the top is left to the
    reference. What merely looks like one of these inside of a text costs time and nothing else.
    """
    if quick[:1] not in b"{[":
        return None
    if not quick.isascii() and _BEYOND_BASIC_PLANE.search(quick):
        return None
    if _EXPONENT.search(quick) or (b"null" in quick and _hides_nan(value)):
        return None
    if b".0," in quick or b".0}" in quick or b".0]" in quick:
        return _cut(quick)
    return quick


def _cut(quick: bytes) -> bytes | None:
    """Return the text without the ".0" of its numbers, or None where that is not all there is to it."""
    if b"\\" in quick:
        # A quote inside of text: where text begins and ends is no longer a matter of counting quotes.
        return None
    pieces, start, quotes = [], 0, 0
    for match in _ZERO.finditer(quick):
        place = match.start()
        quotes += quick.count(b'"', start, place)
        pieces.append(quick[start:place])
        if quotes % 2:
            pieces.append(b".0")
        elif quick[place - 2 : place] == b"-0":
            # Negative zero is written without its sign.
            return None
        start = match.end()
    return b"".join([*pieces, quick[start:]])


class NotCanonical(errors.Invalid):
    """The value has no canonical JSON form."""

    code = "not_canonical"
    title = "The value cannot be written as canonical JSON"


def _plain(value: Any) -> Any:
    """Return the value in the types that the reference library takes."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, dict):
        return {_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    raise NotCanonical(f"A value of type {type(value).__name__} has no canonical JSON form.")


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise NotCanonical(f"An object key must be text, not {type(key).__name__}.")
    return str(key)


def encode(value: Any) -> bytes:
    """Return the RFC 8785 bytes; raises NotCanonical for NaN, infinities, huge integers and other types."""
    try:
        quick = orjson.dumps(value, option=_OPTIONS)
    except TypeError:
        pass
    else:
        canonical = _without_zeros(value, quick)
        if canonical is not None:
            return canonical
    try:
        return rfc8785.dumps(_plain(value))
    except (rfc8785.CanonicalizationError, UnicodeError, RecursionError) as error:
        raise NotCanonical(f"The value has no canonical JSON form: {error}") from error


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(encode(value)).hexdigest()


def _integer(text: str) -> int | float:
    value = int(text)
    return value if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else float(text)


def _number(text: str) -> float:
    return float(Decimal(text))


_HUGE = re.compile(rb"[:,\[] ?-?[0-9]{16}")


def decode(text: str | bytes) -> Any:
    """Parse JSON so that encoding it again gives the bytes it had before ``jsonb`` kept it.

    ``jsonb`` writes 1e300 as 301 digits; an integer that large can only have been a float.
    """
    data = text.encode() if isinstance(text, str) else text
    if _HUGE.search(data) is None and data[:1] in b'{["':
        return orjson.loads(data)
    return json.loads(data, parse_int=_integer, parse_float=_number)


def recode(data: bytes) -> bytes:
    """Return the canonical bytes of JSON that ``jsonb`` kept: ``encode(decode(data))``, only quicker."""
    value = orjson.loads(data)
    try:
        quick = orjson.dumps(value, option=_OPTIONS)
    except TypeError:
        # An integer beyond a double's: it was a float before it was stored.
        return encode(decode(data))
    canonical = _without_zeros(value, quick)
    return encode(value) if canonical is None else canonical
