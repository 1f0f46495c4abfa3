"""Where in a YAML text each value stands, to the column, so that an editor can mark what is meant.

What must stay true: a place that cannot be told exactly (inside a folded text) is given as the whole value,
never as a wrong column. Lines and columns start at 1; an end is exclusive.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from policy.rules.documents import escape

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_][A-Za-z0-9_.]*|\d[\w.]*|&&|\|\||[<>=!]=|\S')


@dataclass(frozen=True, slots=True)
class Span:
    """From a place up to another."""

    line: int
    column: int
    end_line: int
    end_column: int
    style: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """The spans of a text by JSON pointer, of values and of keys."""

    lines: tuple[str, ...]
    values: Mapping[str, Span]
    keys: Mapping[str, Span]

    def of(self, pointer: str) -> Span:
        """Return the span of a value, or of the nearest one above it."""
        while pointer and pointer not in self.values:
            pointer = pointer.rpartition("/")[0]
        found = self.values.get(pointer)
        return self.first_line(found) if found else Span(1, 1, 1, self._width(1))

    def of_key(self, pointer: str) -> Span:
        """Return the span of a key; of its value where it has none of its own."""
        return self.keys.get(pointer) or self.of(pointer)

    def whole(self, pointer: str) -> Span:
        """Return the span of a value with all its lines."""
        return self.values.get(pointer) or self.of(pointer)

    def last_line(self, span: Span) -> int:
        """Return the last line that has content of a value; a block ends where the next thing begins."""
        last = span.end_line
        while last > span.line:
            text = self.lines[last - 1] if last <= len(self.lines) else ""
            own = text[: span.end_column - 1] if last == span.end_line else text
            if own.strip() and not own.lstrip().startswith("#"):
                break
            last -= 1
        return last

    def first_line(self, span: Span) -> Span:
        """Return the span cut at the end of its first line: a mark over many lines says nothing."""
        if span.line == span.end_line:
            return span
        return Span(span.line, span.column, span.line, max(self._width(span.line), span.column + 1))

    def _width(self, line: int) -> int:
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return max(len(text.rstrip()) + 1, 2)

    def inside(self, pointer: str, line: int, column: int) -> Span:
        """Return the token at a line and column of a text value."""
        span = self.values.get(pointer)
        if span is None:
            return self.of(pointer)
        if span.style in ("|", "|-", "|+"):
            return self._token(span.line + line, self._indent(span) + column, span)
        if span.line != span.end_line or span.style == ">":
            return self.first_line(span)
        return self._token(span.line, span.column + (1 if span.style in ("'", '"') else 0) + column - 1, span)

    def _indent(self, span: Span) -> int:
        for number in range(span.line, span.end_line):
            text = self.lines[number] if number < len(self.lines) else ""
            if text.strip():
                return len(text) - len(text.lstrip(" "))
        return 0

    def _token(self, line: int, column: int, span: Span) -> Span:
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        if not 0 < column <= len(text) + 1:
            return self.first_line(span)
        found = _TOKEN.match(text, column - 1)
        return Span(line, column, line, column + len(found.group()) if found else column + 1)


def index(text: str) -> Index:
    """Return where everything stands. Raises yaml.YAMLError."""
    values: dict[str, Span] = {}
    keys: dict[str, Span] = {}
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is not None:
        _walk(root, "", values, keys)
    return Index(tuple(text.splitlines()), values, keys)


def _span(node: yaml.Node) -> Span:
    start, end = node.start_mark, node.end_mark
    style = (node.style or "") if isinstance(node, yaml.ScalarNode) else ""
    return Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1, style)


def _walk(node: yaml.Node, pointer: str, values: dict[str, Span], keys: dict[str, Span]) -> None:
    values[pointer] = _span(node)
    if isinstance(node, yaml.SequenceNode):
        for place, item in enumerate(node.value):
            _walk(item, f"{pointer}/{place}", values, keys)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                below = f"{pointer}/{escape(key.value)}"
                keys[below] = _span(key)
                _walk(value, below, values, keys)
