"""Cut the text of an expression into tokens.

Every token knows its offset. Literals are decoded here, so that a bad escape or a number that does not fit
is reported where it stands.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from policy.rules.cel.ast import line_and_column
from policy.rules.cel.problems import SyntaxProblem
from policy.rules.cel.values import INT_MAX, UINT_MAX

KEYWORDS = frozenset({"true", "false", "null", "in"})
RESERVED = frozenset(
    (
        *("as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop"),
        *("package", "namespace", "return", "var", "void", "while"),
    )
)

_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\n\f\r]+|//[^\n]*)
    | (?P<string>(?P<prefix>[bB]?[rR]?)(?P<quote>'''|\"\"\"|'|\"))
    | (?P<double>(?:[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?))
    | (?P<int>(?:0x[0-9a-fA-F]+|[0-9]+))(?P<unsigned>[uU])?
    | (?P<ident>[_a-zA-Z][_a-zA-Z0-9]*)
    | `(?P<quoted>[a-zA-Z0-9_.\-/ ]+)`
    | (?P<punct>&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}])
    """,
    re.VERBOSE,
)
_SIMPLE_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    "?": "?",
    '"': '"',
    "'": "'",
    "`": "`",
}
_ESCAPE = re.compile(
    r"\\(?:(?P<simple>[abfnrtv\\?\"'`])|(?P<octal>[0-3][0-7]{2})|[xX](?P<x>[0-9a-fA-F]{2})"
    r"|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})|(?P<bad>.?))",
    re.DOTALL,
)
# The end of a string: the closing quote, after anything but it, where a backslash hides the next character.
_BODY = {
    quote: re.compile(pattern, re.DOTALL)
    for quote, pattern in {
        "'": r"((?:[^'\\\r\n]|\\[^\r\n])*)'",
        '"': r'((?:[^"\\\r\n]|\\[^\r\n])*)"',
        "'''": r"((?:[^'\\]|\\.|'(?!''))*)'''",
        '"""': r'((?:[^"\\]|\\.|"(?!""))*)"""',
    }.items()
}
_RAW_BODY = {
    quote: re.compile(pattern, re.DOTALL)
    for quote, pattern in {
        "'": r"([^'\r\n]*)'",
        '"': r'([^"\r\n]*)"',
        "'''": r"(.*?)'''",
        '"""': r'(.*?)"""',
    }.items()
}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text: `kind` is a literal's kind, ident, quoted, punct or end."""

    kind: str
    text: str
    pos: int
    value: Any = None


def tokenize(source: str) -> list[Token]:
    """Return the tokens, the last of kind `end`. Raises SyntaxProblem."""
    tokens: list[Token] = []
    pos = 0
    while pos < len(source):
        match = _TOKEN.match(source, pos)
        if match is None:
            raise problem(source, pos, f"unexpected character {source[pos]!r}")
        start, pos = pos, match.end()
        if match["space"] is not None:
            continue
        if match["string"] is not None:
            token, pos = _string(source, match)
        elif match["double"] is not None:
            token = Token("double", match["double"], start, _double(source, start, match["double"]))
        elif match["int"] is not None:
            token = _integer(source, start, match)
        elif match["quoted"] is not None:
            token = Token("quoted", match["quoted"], start)
        elif match["ident"] is not None:
            text = match["ident"]
            token = Token("punct" if text == "in" else "ident", text, start)
        else:
            token = Token("punct", match["punct"], start)
        tokens.append(token)
    tokens.append(Token("end", "end of expression", len(source)))
    return tokens


def problem(source: str, pos: int, message: str) -> SyntaxProblem:
    """Return the refusal for a place in the text."""
    line, column = line_and_column(source, pos)
    return SyntaxProblem(message, line, column)


def _double(source: str, pos: int, text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise problem(source, pos, "a double literal is too large")
    return value


def _integer(source: str, pos: int, match: re.Match[str]) -> Token:
    text = match["int"]
    if len(text) > 400:
        raise problem(source, pos, "an integer literal is too large")
    value = int(text, 16) if text.startswith("0x") else int(text)
    if match["unsigned"]:
        if value > UINT_MAX:
            raise problem(source, pos, "an unsigned integer literal is too large")
        return Token("uint", text, pos, value)
    # One more than the largest is allowed through: the parser accepts it after a minus only.
    if value > INT_MAX + 1:
        raise problem(source, pos, "an integer literal is too large")
    return Token("int", text, pos, value)


def _string(source: str, match: re.Match[str]) -> tuple[Token, int]:
    start, quote = match.start(), match["quote"]
    prefix = match["prefix"].lower()
    raw = "r" in prefix
    body = (_RAW_BODY if raw else _BODY)[quote].match(source, match.end())
    if body is None:
        raise problem(source, start, "a string literal is not closed")
    text = body[1]
    if "b" in prefix:
        content = text if raw else None
        decoded: Any = (
            _bytes(source, body.start(1), text) if content is None else _encode(source, start, text)
        )
        return Token("bytes", source[start : body.end()], start, decoded), body.end()
    decoded = text if raw else _text(source, body.start(1), text)
    _encode(source, start, decoded)
    return Token("string", source[start : body.end()], start, decoded), body.end()


def _encode(source: str, pos: int, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise problem(source, pos, "a string literal holds a surrogate, which is no character") from error


def _text(source: str, start: int, body: str) -> str:
    def decode(match: re.Match[str]) -> str:
        if match["simple"]:
            return _SIMPLE_ESCAPES[match["simple"]]
        if match["octal"]:
            return chr(int(match["octal"], 8))
        digits = match["x"] or match["u"] or match["U"]
        if digits is None:
            raise problem(source, start + match.start(), f"unknown escape {match[0]!r}")
        point = int(digits, 16)
        if point > 0x10FFFF or 0xD800 <= point <= 0xDFFF:
            raise problem(source, start + match.start(), "an escape names no character")
        return chr(point)

    return _ESCAPE.sub(decode, body)


def _bytes(source: str, start: int, body: str) -> bytes:
    result = bytearray()
    last = 0
    for match in _ESCAPE.finditer(body):
        result += _encode(source, start, body[last : match.start()])
        last = match.end()
        if match["simple"]:
            result += _SIMPLE_ESCAPES[match["simple"]].encode()
        elif match["octal"]:
            result.append(int(match["octal"], 8))
        elif match["x"]:
            result.append(int(match["x"], 16))
        else:
            raise problem(source, start + match.start(), f"unknown escape {match[0]!r} in bytes")
    result += _encode(source, start, body[last:])
    return bytes(result)
