"""The cells of a decision table: small tests of one value.

    -                anything            < 5, >= 2, = 3, != 3     a comparison
    [1..5)           a range             "a", "b"                 one of these
    not("a", "b")    none of these       < 3, > 9, [5..6]         any of these

What must stay true: a cell either reads as exactly one of these or is refused; text is always quoted.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

Value = int | float | str | bool


class CellInvalid(Exception):
    """The text is not a test."""


@dataclass(frozen=True, slots=True)
class Anything:
    """Holds for every value, and for none."""


@dataclass(frozen=True, slots=True)
class Compare:
    """`< 5` and its like; a plain literal is `= literal`."""

    sign: str
    value: Value


@dataclass(frozen=True, slots=True)
class Between:
    """A range of numbers, each end in or out."""

    low: float
    high: float
    has_low: bool
    has_high: bool


@dataclass(frozen=True, slots=True)
class Either:
    """Any of several tests."""

    tests: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a test."""

    test: Test


Test = Anything | Compare | Between | Either | Not

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<word>true|false|not)\b
    |(?P<sign><=|>=|!=|==|\.\.|[<>=,()\[\]]))""",
    re.VERBOSE,
)
_SIGNS = {"<", "<=", ">", ">=", "=", "==", "!="}


def parse(cell: Any) -> Test:
    """Read a cell: text of the grammar, or a plain number or boolean. Raises CellInvalid."""
    if cell is None:
        return Anything()
    if isinstance(cell, bool | int | float):
        if isinstance(cell, float) and not math.isfinite(cell):
            raise CellInvalid("must be a finite number")
        return Compare("=", cell)
    if not isinstance(cell, str):
        raise CellInvalid("must be a test, such as < 5")
    text = cell.strip()
    return Anything() if text in ("", "-") else _Reader(text).cell()


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise CellInvalid(f"cannot read {text[place:].strip()!r}; text needs quotes")
            self.tokens.append((match.lastgroup or "", match.group(match.lastgroup or "")))
            place = match.end()
            if not text[place:].strip():
                break
        self.place = 0

    def peek(self) -> str:
        return self.tokens[self.place][1] if self.place < len(self.tokens) else ""

    def next(self) -> tuple[str, str]:
        if self.place >= len(self.tokens):
            raise CellInvalid("ends too early")
        self.place += 1
        return self.tokens[self.place - 1]

    def expect(self, *allowed: str) -> str:
        _, text = self.next()
        if text not in allowed:
            raise CellInvalid(f"expected {' or '.join(allowed)}, found {text!r}")
        return text

    def cell(self) -> Test:
        if self.peek() == "not":
            self.next()
            self.expect("(")
            test: Test = Not(self.alternatives())
            self.expect(")")
        else:
            test = self.alternatives()
        if self.place < len(self.tokens):
            raise CellInvalid(f"unexpected {self.peek()!r}")
        return test

    def alternatives(self) -> Test:
        tests = [self.single()]
        while self.peek() == ",":
            self.next()
            tests.append(self.single())
        return tests[0] if len(tests) == 1 else Either(tuple(tests))

    def single(self) -> Test:
        start = self.peek()
        if start in _SIGNS:
            self.next()
            value = self.literal()
            sign = "=" if start == "==" else start
            if sign not in ("=", "!=") and isinstance(value, bool | str):
                raise CellInvalid("only numbers have an order")
            return Compare(sign, value)
        if start in ("[", "(", "]"):
            self.next()
            low, _, high = self.number(), self.expect(".."), self.number()
            end = self.expect("]", ")", "[")
            if low > high or (low == high and not (start == "[" and end == "]")):
                raise CellInvalid("the range is empty")
            return Between(low, high, start == "[", end == "]")
        return Compare("=", self.literal())

    def literal(self) -> Value:
        kind, text = self.next()
        if kind == "string":
            return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
        if kind == "number":
            value = float(text) if re.search(r"[.eE]", text) else int(text)
            if isinstance(value, float) and not math.isfinite(value):
                raise CellInvalid("the number is too large")
            return value
        if text in ("true", "false"):
            return text == "true"
        raise CellInvalid(f"expected a value, found {text!r}")

    def number(self) -> float:
        value = self.literal()
        if isinstance(value, bool | str):
            raise CellInvalid("a range is of numbers")
        return value


def holds(test: Test, value: Any) -> bool:
    """Say whether a value passes. This is the reference for the index."""
    if isinstance(test, Anything):
        return True
    if isinstance(test, Not):
        return not holds(test.test, value)
    if isinstance(test, Either):
        return any(holds(inner, value) for inner in test.tests)
    if isinstance(test, Between):
        above = value >= test.low if test.has_low else value > test.low
        return bool(above and (value <= test.high if test.has_high else value < test.high))
    limit: Any = test.value
    if test.sign in ("=", "!="):
        return bool((value == limit) is (test.sign == "="))
    if test.sign in ("<", "<="):
        return bool(value < limit or (test.sign == "<=" and value == limit))
    return bool(value > limit or (test.sign == ">=" and value == limit))


def constants(test: Test) -> list[Value]:
    """Return every value that the test names."""
    if isinstance(test, Compare):
        return [test.value]
    if isinstance(test, Between):
        return [test.low, test.high]
    if isinstance(test, Not):
        return constants(test.test)
    if isinstance(test, Either):
        return [value for inner in test.tests for value in constants(inner)]
    return []


def source(test: Test, name: str) -> str:
    """Return the test of a variable as Python source; constants are written by `repr`."""
    if isinstance(test, Anything):
        return "True"
    if isinstance(test, Not):
        return f"(not {source(test.test, name)})"
    if isinstance(test, Either):
        return "(" + " or ".join(source(inner, name) for inner in test.tests) + ")"
    if isinstance(test, Between):
        first, second = ("<=" if closed else "<" for closed in (test.has_low, test.has_high))
        return f"({test.low!r} {first} {name} {second} {test.high!r})"
    return f"({name} {'==' if test.sign == '=' else test.sign} {test.value!r})"
