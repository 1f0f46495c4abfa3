"""Functions on strings and bytes. Positions count characters (code points), never bytes.

Patterns are RE2: matching takes time linear in the text, whatever the pattern.
"""

from __future__ import annotations

import base64
import binascii
import functools
from typing import Any

import re2

from policy.rules.cel import values
from policy.rules.cel.functions.operators import MAX_SIZE
from policy.rules.cel.functions.registry import add, overload
from policy.rules.cel.problems import EvaluationProblem

MAX_PATTERN = 1_000
PATTERN_MEMORY = 1 << 20
_SPACE = (
    "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TO_LOWER = str.maketrans(_UPPER, _UPPER.lower())
_TO_UPPER = str.maketrans(_UPPER.lower(), _UPPER)
_QUOTED = str.maketrans(
    {
        "\a": "\\a",
        "\b": "\\b",
        "\f": "\\f",
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\v": "\\v",
        "\\": "\\\\",
        '"': '\\"',
    }
)

add("size(string) -> int", len)
add("size(bytes) -> int", len)
add("(string) size() -> int", len)
add("(bytes) size() -> int", len)
add("(string) startsWith(string) -> bool", lambda text, prefix: text.startswith(prefix))
add("(string) endsWith(string) -> bool", lambda text, suffix: text.endswith(suffix))
add("(string) contains(string) -> bool", lambda text, part: part in text)
add("(string) lowerAscii() -> string", lambda text: text.translate(_TO_LOWER))
add("(string) upperAscii() -> string", lambda text: text.translate(_TO_UPPER))
add("(string) trim() -> string", lambda text: text.strip(_SPACE))
add("(string) reverse() -> string", lambda text: text[::-1])
add("base64.encode(bytes) -> string", lambda data: base64.b64encode(data).decode())


@functools.lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> Any:
    """Return a compiled RE2 pattern. Raises EvaluationProblem."""
    if len(pattern) > MAX_PATTERN:
        raise EvaluationProblem(f"a pattern is longer than {MAX_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = PATTERN_MEMORY
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeError) as error:
        raise EvaluationProblem(f"not a pattern: {pattern[:60]!r}") from error


@overload("(string) matches(string) -> bool", "matches(string, string) -> bool")
def matches(text: str, pattern: str) -> bool:
    """Return whether the pattern occurs anywhere in the text."""
    compiled = compile_pattern(pattern)
    try:
        return compiled.search(text) is not None
    except UnicodeError as error:
        raise EvaluationProblem("matches: the text holds a surrogate") from error


@overload("(string) charAt(int) -> string")
def char_at(text: str, index: int) -> str:
    """Return the character at a place; nothing right after the last."""
    _within(index, len(text))
    return text[index : index + 1]


@overload("(string) indexOf(string) -> int", "(string) indexOf(string, int) -> int")
def index_of(text: str, part: str, start: int = 0) -> int:
    """Return where the part first occurs from a place on, or -1."""
    _within(start, len(text))
    return text.find(part, start)


@overload("(string) lastIndexOf(string) -> int", "(string) lastIndexOf(string, int) -> int")
def last_index_of(text: str, part: str, last: int | None = None) -> int:
    """Return where the part last occurs, starting no later than a place, or -1."""
    if last is None:
        return text.rfind(part)
    _within(last, len(text))
    return text.rfind(part, 0, last + len(part))


@overload("(string) substring(int) -> string", "(string) substring(int, int) -> string")
def substring(text: str, start: int, end: int | None = None) -> str:
    """Return the characters from a place up to another."""
    _within(start, len(text))
    if end is None:
        return text[start:]
    _within(end, len(text))
    if start > end:
        raise EvaluationProblem(f"invalid substring range. start: {start}, end: {end}")
    return text[start:end]


@overload("(string) replace(string, string) -> string", "(string) replace(string, string, int) -> string")
def replace(text: str, old: str, new: str, limit: int = -1) -> str:
    """Replace the first `limit` occurrences, all where it is negative."""
    if len(new) > len(old) and len(text) + (text.count(old) * (len(new) - len(old))) > MAX_SIZE:
        raise EvaluationProblem("the result is too large")
    return text.replace(old, new, max(limit, -1))


@overload("(string) split(string) -> list<string>", "(string) split(string, int) -> list<string>")
def split(text: str, separator: str, limit: int = -1) -> list[str]:
    """Cut at the separator into at most `limit` parts; an empty separator cuts between characters."""
    if limit == 0:
        return []
    if not separator:
        characters = list(text)
        if 0 < limit < len(characters):
            return [*characters[: limit - 1], "".join(characters[limit - 1 :])]
        return characters
    return text.split(separator, limit - 1 if limit > 0 else -1)


@overload("(list<string>) join() -> string", "(list<string>) join(string) -> string")
def join(items: list[Any], separator: str = "") -> str:
    """Put strings together with a separator between them."""
    if any(not isinstance(item, str) for item in items):
        raise EvaluationProblem("no such overload: join takes a list of strings")
    if sum(map(len, items)) + len(separator) * len(items) > MAX_SIZE:
        raise EvaluationProblem("the result is too large")
    return separator.join(items)


@overload("strings.quote(string) -> string")
def quote(text: str) -> str:
    """Write a string as a literal, what is not a character replaced."""
    safe = text.encode("utf-8", "replace").decode()
    return f'"{safe.translate(_QUOTED)}"'


@overload("base64.decode(string) -> bytes")
def decode_base64(text: str) -> bytes:
    """Read base64, with or without padding."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise EvaluationProblem("not base64") from error


def _within(index: int, length: int) -> None:
    if not 0 <= index <= length:
        raise EvaluationProblem(f"index out of range: {values.int64(index)}")
