"""Reading YAML written by people: safe, bounded, and with the line of every value.

What must stay true: nothing but plain data comes out (no tags, no aliases, so no expansion bombs), a key
given twice is refused rather than silently overwritten, and every complaint names a JSON pointer and a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from decisionos.kernel.errors import Invalid

MAX_BYTES = 1_000_000
MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is wrong, and where."""

    pointer: str
    line: int
    message: str

    def as_error(self) -> dict[str, Any]:
        """Return the item of a problem document."""
        return {"pointer": self.pointer, "line": self.line, "message": self.message}

    def __str__(self) -> str:
        return f"{self.pointer or '/'} (line {self.line}): {self.message}"


class DocumentInvalid(Invalid):
    """The text is not a document of the expected form."""

    code = "document_invalid"

    def __init__(self, complaints: Iterable[Complaint]) -> None:
        self.complaints = tuple(complaints)
        super().__init__(
            "; ".join(str(complaint) for complaint in self.complaints[:5]),
            errors=[complaint.as_error() for complaint in self.complaints],
        )


def escape(key: object) -> str:
    """Return one token of a JSON pointer."""
    return str(key).replace("~", "~0").replace("/", "~1")


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data and the line of every pointer in it."""

    data: Any
    lines: Mapping[str, int]

    def line(self, pointer: str) -> int:
        """Return the line of the nearest value at or above the pointer."""
        while pointer and pointer not in self.lines:
            pointer = pointer.rpartition("/")[0]
        return self.lines.get(pointer, 1)


def _refuse_aliases(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise DocumentInvalid([Complaint("", line, "aliases are not taken: write the value out")])
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise DocumentInvalid([Complaint("", line, f"nested deeper than {MAX_DEPTH} levels")])
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _index(node: yaml.Node, pointer: str, lines: dict[str, int], complaints: list[Complaint]) -> None:
    lines[pointer] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for place, item in enumerate(node.value):
            _index(item, f"{pointer}/{place}", lines, complaints)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = escape(key.value) if isinstance(key, yaml.ScalarNode) else ""
            below = f"{pointer}/{name}"
            if not name or name in seen:
                what = f"the key {name!r} is given twice" if name else "a key must be plain text"
                complaints.append(Complaint(below, key.start_mark.line + 1, what))
            seen.add(name)
            _index(value, below, lines, complaints)
            lines[below] = key.start_mark.line + 1


def read(text: str | bytes) -> Document:
    """Read a YAML text. Raises DocumentInvalid."""
    size = len(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise DocumentInvalid([Complaint("", 1, f"larger than {MAX_BYTES} bytes")])
    try:
        content = text.decode("utf-8") if isinstance(text, bytes) else text
        _refuse_aliases(content)
        root = yaml.compose(content, Loader=yaml.SafeLoader)
        data = yaml.safe_load(content)
    except UnicodeDecodeError as error:
        raise DocumentInvalid([Complaint("", 1, "not UTF-8 text")]) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        message = getattr(error, "problem", None) or "not readable as YAML"
        raise DocumentInvalid([Complaint("", mark.line + 1 if mark else 1, str(message))]) from error
    except ValueError as error:  # a date such as 2025-13-99 is recognised but cannot be built
        raise DocumentInvalid([Complaint("", 1, str(error))]) from error
    lines: dict[str, int] = {}
    complaints: list[Complaint] = []
    if root is not None:
        _index(root, "", lines, complaints)
    if complaints:
        raise DocumentInvalid(complaints)
    return Document(data, lines)


class Reader:
    """Takes typed values out of a mapping and collects every complaint instead of the first."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.complaints: list[Complaint] = []

    def complain(self, pointer: str, message: str) -> None:
        """Note that something is wrong at the pointer."""
        self.complaints.append(Complaint(pointer, self.document.line(pointer), message))

    def finish(self) -> None:
        """Raise DocumentInvalid when there was any complaint."""
        if self.complaints:
            raise DocumentInvalid(self.complaints)

    def mapping(self, value: Any, pointer: str, allowed: Iterable[str]) -> dict[str, Any]:
        """Return the mapping, complaining of other kinds and of keys nobody knows."""
        if not isinstance(value, dict):
            self.complain(pointer, "must be a mapping")
            return {}
        known = tuple(allowed)
        for key in value:
            if key not in known:
                self.complain(f"{pointer}/{escape(key)}", f"unknown key; known: {', '.join(known)}")
        return value

    def take(
        self,
        source: Mapping[str, Any],
        pointer: str,
        key: str,
        accept: Callable[[Any], bool],
        expected: str,
        default: Any = None,
    ) -> Any:
        """Return one value of a mapping; without a default it is required."""
        if key not in source:
            if default is None:
                self.complain(pointer, f"{key!r} is missing")
            return default
        value = source[key]
        if not accept(value):
            self.complain(f"{pointer}/{key}", f"must be {expected}")
            return default
        return value

    def texts(self, source: Mapping[str, Any], pointer: str, key: str) -> tuple[str, ...]:
        """Return a list of texts, empty when absent."""
        value = source.get(key, [])
        if not isinstance(value, list):
            self.complain(f"{pointer}/{key}", "must be a list of texts")
            return ()
        for place, item in enumerate(value):
            if not isinstance(item, str) or not item:
                self.complain(f"{pointer}/{key}/{place}", "must be a text")
        return tuple(item for item in value if isinstance(item, str))
