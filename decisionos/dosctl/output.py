"""What a command prints: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

WIDTH = 140


class Output:
    """Standard output in one of its two forms; messages about errors go to standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        # Into a pipe there is no width: a table must not lose its columns there.
        width = None if sys.stdout.isatty() else WIDTH
        self.console = Console(width=width, highlight=False, soft_wrap=False)

    def json(self, value: Any) -> None:
        """Print a value as indented JSON."""
        sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")

    def line(self, text: str) -> None:
        """Print a line for people; programs read the JSON instead."""
        if not self.as_json:
            self.console.print(escape(text), soft_wrap=True)

    def raw(self, text: str) -> None:
        """Print a line as it is, in both forms."""
        sys.stdout.write(text + "\n")

    def rows(
        self,
        value: Any,
        rows: Iterable[Mapping[str, Any]],
        columns: Sequence[str],
        *,
        title: str = "",
        empty: str = "",
    ) -> None:
        """Print rows as a table, or ``value`` as JSON."""
        if self.as_json:
            self.json(value)
            return
        listed = list(rows)
        if not listed:
            self.line(empty or "Nothing to show.")
            return
        table = Table(title=title or None, title_justify="left", header_style="bold")
        for column in columns:
            numeric = all(
                isinstance(row.get(column), int | float) or row.get(column) is None for row in listed
            )
            table.add_column(
                column.replace("_", " "), justify="right" if numeric else "left", overflow="fold"
            )
        for row in listed:
            table.add_row(*(escape(cell(row.get(column))) for column in columns))
        self.console.print(table)

    def facts(self, value: Any, facts: Mapping[str, Any], *, title: str = "") -> None:
        """Print names and values below each other, or ``value`` as JSON."""
        if self.as_json:
            self.json(value)
            return
        table = Table(
            title=title or None, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0)
        )
        table.add_column(style="dim")
        table.add_column(overflow="fold")
        for name, fact in facts.items():
            table.add_row(escape(str(name).replace("_", " ")), escape(cell(fact)))
        self.console.print(table)


def cell(value: Any) -> str:
    """Return a value as short text for a table."""
    if value is None or (isinstance(value, str | list | tuple | dict) and not value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}={cell(item)}" for name, item in value.items())
    return str(value)
