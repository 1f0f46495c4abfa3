"""What a command reads: JSON from an argument, a file or standard input; rows from CSV or JSON lines."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from decisionos.dosctl import exits


def read_text(source: str) -> str:
    """Return the text of a file, or of standard input for ``-``; raises Stop."""
    try:
        return sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise exits.Stop(f"{source} cannot be read: {error}", exits.INPUT) from error


def read_bytes(source: str) -> bytes:
    """Return the bytes of a file; raises Stop."""
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise exits.Stop(f"{source} cannot be read: {error}", exits.INPUT) from error


def read_object(argument: str) -> dict[str, Any]:
    """Return a JSON object given inline, as ``@file``, as a file's name, or as ``-``; raises Stop."""
    text = argument if argument.lstrip().startswith("{") else read_text(argument.removeprefix("@"))
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise exits.Stop(f"The input is not valid JSON: {error}", exits.INPUT) from error
    if not isinstance(value, dict):
        raise exits.Stop("The input must be a JSON object.", exits.INPUT)
    return value


def assign(target: dict[str, Any], pairs: list[str]) -> dict[str, Any]:
    """Set ``name=value`` pairs; a value that is JSON is taken as such, anything else as text."""
    for pair in pairs:
        name, sign, raw = pair.partition("=")
        if not sign or not name:
            raise exits.Stop(f"Write name=value, not {pair!r}.", exits.INPUT)
        target[name] = scalar(raw)
    return target


def scalar(raw: str) -> Any:
    """Return the JSON value of a text, or the text itself."""
    try:
        return json.loads(raw)
    except json.JSONDecodeError:
        return raw


def read_rows(source: str, *, texts: frozenset[str] = frozenset()) -> list[dict[str, Any]]:
    """Return the rows of a .csv, .json or .jsonl file; raises Stop naming the line.

    An empty CSV cell means that the field is absent; it never becomes 0 or an empty text. The columns of
    ``texts`` stay text whatever they look like.
    """
    text = read_text(source)
    if source.endswith(".csv"):
        reader = csv.DictReader(io.StringIO(text, newline=""))
        return [
            {
                name: value if name in texts else _from_cell(value)
                for name, value in row.items()
                if name and value not in {None, ""}
            }
            for row in reader
        ]
    if text.lstrip().startswith("["):
        try:
            rows = json.loads(text)
        except json.JSONDecodeError as error:
            raise exits.Stop(f"{source} is not valid JSON: {error}", exits.INPUT) from error
        if not all(isinstance(row, dict) for row in rows):
            raise exits.Stop(f"{source} must hold a list of objects.", exits.INPUT)
        return list(rows)
    return list(_json_lines(source, text))


def _json_lines(source: str, text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise exits.Stop(
                f"{source}, line {number} is not valid JSON: {error.msg}", exits.INPUT
            ) from error
        if not isinstance(row, dict):
            raise exits.Stop(f"{source}, line {number} is not a JSON object.", exits.INPUT)
        yield row


def _from_cell(value: str) -> Any:
    text = value.strip()
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    # A leading zero or plus is a code (a postcode, a phone number), not a quantity.
    if text.startswith("+") or (text.lstrip("-")[:1] == "0" and text.lstrip("-")[1:2].isdigit()):
        return value
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if math.isfinite(number) else value
    return value
