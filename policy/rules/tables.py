"""Decision tables as data: read from YAML, CSV or a spreadsheet, with row and column in every complaint.

What must stay true: the three forms of one table read as equal tables; a spreadsheet's formulas are refused,
never evaluated. In CSV and spreadsheets the first row names the columns: an input by its expression, an
output as `out: name`, and optionally `name` and `priority` of the row.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import openpyxl
import openpyxl.utils
import yaml

from decisionos.kernel import canonical
from policy.rules import cells, documents, rulesets

HIT_POLICIES = ("unique", "first", "any", "priority", "collect")
MAX_ROWS = 5_000
MAX_COLUMNS = 100
MAX_UNPACKED = 50_000_000


@dataclass(frozen=True, slots=True)
class TableInput:
    """A column that is tested: a field, or an expression over the input."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: a test per input, a value per output."""

    name: str
    tests: tuple[cells.Test, ...]
    values: tuple[Any, ...]
    priority: int = 0
    cells: tuple[Any, ...] = field(default=(), compare=False)
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows over input columns, and the policy for when several match."""

    name: str
    hit_policy: str
    inputs: tuple[TableInput, ...]
    outputs: tuple[str, ...]
    rows: tuple[TableRow, ...]
    description: str = ""

    def digest(self) -> str:
        """Return the SHA-256 of the content."""
        return canonical.digest(as_data(self))


def as_data(table: Table) -> dict[str, Any]:
    """Return the table as plain data."""
    return {
        "name": table.name,
        "description": table.description,
        "hit_policy": table.hit_policy,
        "inputs": [{"name": item.name, "expression": item.expression} for item in table.inputs],
        "outputs": list(table.outputs),
        "rows": [
            {"name": row.name, "priority": row.priority, "when": list(row.cells), "then": list(row.values)}
            for row in table.rows
        ],
    }


def dumps(table: Table) -> str:
    """Write the table as YAML."""
    return yaml.safe_dump(as_data(table), sort_keys=False, allow_unicode=True, width=10_000)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= rulesets.MAX_CONDITION


def _input(reader: documents.Reader, value: Any, pointer: str) -> TableInput:
    if _is_text(value):
        return TableInput(value, value)
    data = reader.mapping(value, pointer, ("name", "expression"))
    name = reader.take(data, pointer, "name", _is_text, "a text")
    return TableInput(name, reader.take(data, pointer, "expression", _is_text, "an expression", name))


def _row(reader: documents.Reader, value: Any, pointer: str, place: int, table: dict[str, Any]) -> TableRow:
    data = reader.mapping(value, pointer, ("name", "priority", "when", "then"))
    parts: dict[str, list[Any]] = {}
    for key, columns in (("when", table["inputs"]), ("then", table["outputs"])):
        given = data.get(key)
        if isinstance(given, list) and len(given) == len(columns):
            parts[key] = given
        else:
            reader.complain(f"{pointer}/{key}", f"row {place + 1}: must be a list of {len(columns)} cells")
            return TableRow("", (), ())
    tests: list[cells.Test] = []
    for column, cell in enumerate(parts["when"]):
        try:
            tests.append(cells.parse(cell))
        except cells.CellInvalid as error:
            where = f"row {place + 1}, column {column + 1} ({table['inputs'][column].name})"
            reader.complain(f"{pointer}/when/{column}", f"{where}: {error}")
    return TableRow(
        name=reader.take(data, pointer, "name", _is_text, "a text", f"row_{place + 1}"),
        tests=tuple(tests),
        values=tuple(parts["then"]),
        priority=reader.take(data, pointer, "priority", rulesets._is_int, "a whole number", 0),
        cells=tuple("-" if cell is None else cell for cell in parts["when"]),
        line=reader.document.line(pointer),
    )


def loads(text: str | bytes) -> Table:
    """Read a table from YAML. Raises documents.DocumentInvalid."""
    document = documents.read(text)
    reader = documents.Reader(document)
    data = reader.mapping(
        document.data, "", ("name", "description", "hit_policy", "inputs", "outputs", "rows")
    )
    for key in ("inputs", "outputs", "rows"):
        limit = MAX_ROWS if key == "rows" else MAX_COLUMNS
        if not isinstance(data.get(key), list) or not 0 < len(data[key]) <= limit:
            reader.complain(f"/{key}", f"must be a list of 1 to {limit}")
    reader.finish()
    inputs = tuple(_input(reader, item, f"/inputs/{place}") for place, item in enumerate(data["inputs"]))
    outputs = reader.texts(data, "", "outputs")
    columns = {"inputs": inputs, "outputs": outputs}
    table = Table(
        name=reader.take(data, "", "name", rulesets._is_name, "a name of small letters, digits, underscores"),
        description=reader.take(data, "", "description", lambda item: isinstance(item, str), "a text", ""),
        hit_policy=reader.take(
            data,
            "",
            "hit_policy",
            lambda item: item in HIT_POLICIES,
            f"one of {', '.join(HIT_POLICIES)}",
            "unique",
        ),
        inputs=inputs,
        outputs=outputs,
        rows=tuple(_row(reader, item, f"/rows/{n}", n, columns) for n, item in enumerate(data["rows"])),
    )
    reader.finish()
    return table


def loads_csv(text: str, *, name: str, hit_policy: str = "unique") -> Table:
    """Read a table from CSV. Raises documents.DocumentInvalid naming row and column."""
    if len(text.encode()) > documents.MAX_BYTES * 5:
        raise documents.DocumentInvalid([documents.Complaint("", 1, "the file is too large")])
    try:
        rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True))
    except csv.Error as error:
        raise documents.DocumentInvalid(
            [documents.Complaint("", 1, f"not readable as CSV: {error}")]
        ) from error
    return _from_grid(rows, name, hit_policy, is_text=True)


def loads_xlsx(content: bytes, *, name: str, hit_policy: str = "unique") -> Table:
    """Read a table from the first sheet of a spreadsheet. Raises documents.DocumentInvalid."""
    complaints: list[documents.Complaint] = []
    grid: list[list[Any]] = []
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(item.file_size for item in archive.infolist()) > MAX_UNPACKED:
                raise documents.DocumentInvalid([documents.Complaint("", 1, "the file is too large")])
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
        for place, row in enumerate(book.worksheets[0].iter_rows(max_row=MAX_ROWS + 2, max_col=MAX_COLUMNS)):
            grid.append([cell.value for cell in row])
            for column, cell in enumerate(row):
                if cell.data_type == "f":
                    where = f"row {place + 1}, column {openpyxl.utils.get_column_letter(column + 1)}"
                    complaints.append(documents.Complaint("", place + 1, f"{where}: formulas are not taken"))
        book.close()
    except (zipfile.BadZipFile, KeyError, ValueError, IndexError, OSError) as error:
        message = f"not readable as a spreadsheet: {type(error).__name__}"
        raise documents.DocumentInvalid([documents.Complaint("", 1, message)]) from error
    if complaints:
        raise documents.DocumentInvalid(complaints)
    return _from_grid(grid, name, hit_policy, is_text=False)


@dataclass(slots=True)
class _Columns:
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    special: dict[str, int] = field(default_factory=dict)


def _columns(header: Sequence[str]) -> _Columns:
    found = _Columns()
    for place, title in enumerate(header):
        if title.lower() in ("name", "priority"):
            found.special[title.lower()] = place
        elif title.lower().startswith("out:"):
            found.outputs.append(place)
        elif title:
            found.inputs.append(place)
    return found


def _from_grid(grid: Iterable[Sequence[Any]], name: str, hit_policy: str, *, is_text: bool) -> Table:
    lines = [
        (line, list(row))
        for line, row in enumerate(grid, start=1)
        if any(cell not in (None, "") for cell in row)
    ]
    complaints: list[documents.Complaint] = []
    header = [str(cell or "").strip() for cell in lines[0][1]] if lines else []
    columns = _columns(header)
    if not columns.inputs or not columns.outputs or len(lines) < 2 or len(lines) > MAX_ROWS + 1:
        message = f"needs a header with inputs and `out:` columns, and 1 to {MAX_ROWS} rows"
        complaints.append(documents.Complaint("", 1, message))
    if hit_policy not in HIT_POLICIES or not rulesets._is_name(name):
        complaints.append(documents.Complaint("", 1, "the name or the hit policy is not acceptable"))
    if complaints:
        raise documents.DocumentInvalid(complaints)
    rows: list[TableRow] = []
    for line, values in lines[1:]:
        padded = values + [None] * (len(header) - len(values))
        tests: list[cells.Test] = []
        priority = 0
        for column in (*columns.inputs, *columns.special.values()):
            letter = openpyxl.utils.get_column_letter(column + 1)
            where = f"row {line}, column {letter} ({header[column]})"
            try:
                if column == columns.special.get("priority"):
                    priority = int(padded[column] or 0)
                elif column in columns.inputs:
                    tests.append(cells.parse(padded[column]))
            except (cells.CellInvalid, ValueError) as error:
                complaints.append(documents.Complaint(f"/rows/{len(rows)}", line, f"{where}: {error}"))
        title = padded[columns.special["name"]] if "name" in columns.special else None
        outputs = (padded[column] for column in columns.outputs)
        rows.append(
            TableRow(
                name=str(title or f"row_{len(rows) + 1}"),
                tests=tuple(tests),
                values=tuple(_output(value) if is_text else value for value in outputs),
                priority=priority,
                cells=tuple(
                    "-" if padded[place] in (None, "") else padded[place] for place in columns.inputs
                ),
                line=line,
            )
        )
    if complaints:
        raise documents.DocumentInvalid(complaints)
    return Table(
        name=name,
        hit_policy=hit_policy,
        inputs=tuple(TableInput(header[place], header[place]) for place in columns.inputs),
        outputs=tuple(header[place][4:].strip() for place in columns.outputs),
        rows=tuple(rows),
    )


def _output(text: str | None) -> Any:
    """Return the value of an output cell in CSV: a number, true, false, or else the text itself."""
    if text is None or not text.strip():
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return text.strip()
    return value if isinstance(value, int | float | bool | str) else text.strip()
