"""A decision table between its three forms: text, data for a grid, cells copied from a spreadsheet.

What must stay true: every form of one table has the same digest; nothing of a cell is evaluated.
"""

from __future__ import annotations

import csv
import io
from typing import Any

import yaml

from policy.rules import documents, sources, tables


def of_text(text: str) -> tables.Table:
    """Read a table from its text; raises DocumentInvalid where it is none."""
    found = sources.read(text).table
    if found is None:
        raise documents.DocumentInvalid([documents.Complaint("", 1, "is a list of rules, not a table")])
    return found


def of_cells(cells: str, *, name: str, hit_policy: str) -> tables.Table:
    """Read cells as a spreadsheet copies them (tabs), or as CSV; raises DocumentInvalid."""
    first = cells.splitlines()[0] if cells.strip() else ""
    if "\t" not in first:
        return tables.loads_csv(cells, name=name, hit_policy=hit_policy)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(csv.reader(io.StringIO(cells), delimiter="\t"))
    return tables.loads_csv(out.getvalue(), name=name, hit_policy=hit_policy)


def of_data(data: dict[str, Any]) -> tables.Table:
    """Read a table from data, as a grid holds it; raises DocumentInvalid."""
    return tables.loads(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=10_000))


def text_of(table: tables.Table) -> str:
    """Write a table for people: one line per row, so that a difference shows rows."""
    data = tables.as_data(table)
    lines = [f"name: {_flow(data['name'])}"]
    if data["description"]:
        lines.append(f"description: {_flow(data['description'])}")
    lines.append(f"hit_policy: {data['hit_policy']}")
    lines.append("inputs:")
    for column in data["inputs"]:
        short = column["name"] == column["expression"]
        lines.append(f"  - {_flow(column['name'] if short else column)}")
    lines.append(f"outputs: {_flow(data['outputs'])}")
    lines.append("rows:")
    for row in data["rows"]:
        shown = {key: value for key, value in row.items() if key != "priority" or value}
        lines.append(f"  - {_flow(shown)}")
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    dumped = yaml.safe_dump(
        value, sort_keys=False, allow_unicode=True, width=1_000_000, default_flow_style=True
    )
    return str(dumped).removesuffix("\n").removesuffix("\n...").strip()
