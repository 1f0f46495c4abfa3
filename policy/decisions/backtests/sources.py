"""Rows to evaluate, one by one: CSV, JSON lines, Parquet, or lines that somebody else opens (history).

What must stay true: this reader has the last word. The columnar reader (``columns``) gives the same number,
the same value and the same label for every row, or leaves the row to this one. Rows are numbered from 1 in
the order of the source. Only fields of the contract and the label are read. An empty CSV cell, a null and a
number that is not finite are absent values; a cell that does not fit its type makes its row invalid.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from decisionos.kernel import errors

KINDS = ("csv", "jsonl", "parquet")
LINES = "lines"
"""The kind of a source whose lines come from ``open_lines`` and not from a file."""
TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
DELIMITERS = ",;\t|"
HEAD_BYTES = 64 * 1024
_KINDS_OF_TEXT = {"integer": "int", "number": "double", "boolean": "bool"}


class SourceInvalid(errors.Invalid):
    """The rows cannot be read."""

    code = "backtest_source_invalid"
    title = "The rows cannot be read"


@dataclass(frozen=True, slots=True)
class Source:
    """Rows and their format; ``name`` is how a report calls them.

    ``mapping`` names the column of a field where it is called otherwise. ``open_lines`` gives blocks of JSON
    lines, each time from the start; ``ids`` then tells what each row is called, by its number less one.
    """

    kind: str
    path: Path = Path()
    name: str = ""
    mapping: Mapping[str, str] = field(default_factory=dict)
    open_lines: Callable[[], Iterator[bytes]] | None = None
    ids: Callable[[], list[str]] | None = None

    def column_of(self, name: str) -> str:
        """Return what a field is called in the rows."""
        return self.mapping.get(name) or name


@dataclass(frozen=True, slots=True)
class Misfit:
    """A cell that does not fit its type; it fits no schema. The value itself is not kept."""

    message: str


MISFIT = Misfit("does not fit its type")
NOT_A_ROW = Misfit("is not a JSON object")
Row = tuple[dict[str, Any], Any]


def misfits(row: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the cells of a row that do not fit, by JSON pointer."""
    return [
        {"pointer": f"/input/{name}" if name else "", "message": value.message}
        for name, value in row.items()
        if isinstance(value, Misfit)
    ]


def from_text(text: str, kind: str) -> Any:
    """Return the value of a CSV cell of one type: None where absent, a misfit where it does not fit."""
    if kind == "string":
        return text
    lowered = text.strip().lower()
    if kind == "bool":
        return True if lowered in TRUE else False if lowered in FALSE else Misfit("is not true or false")
    try:
        number = float(lowered)
        if not math.isfinite(number):
            return None
        if kind == "double":
            return number
        if lowered.lstrip("+-").isdigit():
            return int(lowered)
    except ValueError:
        return Misfit("is not a number")
    return int(number) if number.is_integer() else Misfit("is not a whole number")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV file is written: its header and what stands between cells."""

    header: tuple[str, ...]
    delimiter: str


def dialect_of(path: Path) -> Dialect:
    """Return the delimiter that gives most columns, and the header under it; raises SourceInvalid."""
    try:
        with path.open("rb") as handle:
            head = handle.read(HEAD_BYTES).decode("utf-8-sig", errors="ignore")
    except OSError as error:
        raise SourceInvalid("The csv file cannot be read.") from error
    return dialect_of_text(head)


def dialect_of_text(head: str) -> Dialect:
    """Return how the CSV that starts so is written; raises SourceInvalid."""
    best: Dialect | None = None
    for delimiter in DELIMITERS:
        try:
            header = tuple(next(csv.reader(head.splitlines(keepends=True), delimiter=delimiter), ()))
        except csv.Error as error:
            raise SourceInvalid("The first line is not a header.") from error
        if best is None or len(header) > len(best.header):
            best = Dialect(header, delimiter)
    if best is None or not any(best.header):
        raise SourceInvalid("The file has no header.")
    twice = sorted({name for name in best.header if name and best.header.count(name) > 1})
    if twice:
        raise SourceInvalid(f"The column {twice[0]} is there twice.")
    return best


def csv_cells(path: Path, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Return every row of a CSV file as text, with the line it ends on; blank lines are no rows."""
    with path.open(newline="", encoding="utf-8-sig") as handle:
        reader = csv.reader(handle, delimiter=dialect.delimiter)
        next(reader, None)
        for cells in reader:
            if cells:
                yield reader.line_num, cells


def kinds_of(schema: Mapping[str, Any]) -> dict[str, str]:
    """Return how the text of each field of a schema is read."""
    found = {}
    for name, spec in schema.get("properties", {}).items():
        given = spec.get("type") if isinstance(spec, dict) else None
        found[name] = _KINDS_OF_TEXT.get(given, "string") if isinstance(given, str) else "string"
    return found


def _csv_rows(source: Source, kinds: Mapping[str, str], label: str) -> Iterator[Row]:
    dialect = dialect_of(source.path)
    place = {name: at for at, name in enumerate(dialect.header)}
    wanted = [(name, kind, place.get(source.column_of(name))) for name, kind in kinds.items()]
    for _line, cells in csv_cells(source.path, dialect):
        if len(cells) != len(dialect.header):
            told = f"the line has {len(cells)} cells, the header {len(dialect.header)}"
            yield {"": Misfit(told)}, None
            continue
        row = {}
        for name, kind, at in wanted:
            value = from_text(cells[at], kind) if at is not None and cells[at] else None
            if value is not None:
                row[name] = value
        where = place.get(source.column_of(label)) if label and label not in kinds else None
        yield row, row.get(label) if where is None else cells[where]


def _plain(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def row_of(source: Source, item: Any, names: set[str], label: str) -> Row:
    """Return an object as the contract's input, with its label."""
    if not isinstance(item, dict):
        return {"": NOT_A_ROW}, None
    row = {}
    for name in names:
        value = item.get(source.column_of(name))
        if _plain(value):
            row[name] = value
    return row, row.get(label) if label in names else item.get(source.column_of(label)) if label else None


def lines_of(source: Source) -> Iterator[bytes]:
    """Return each line that holds something."""
    if source.open_lines is not None:
        for block in source.open_lines():
            yield from (line for line in block.splitlines() if line.strip())
        return
    with source.path.open("rb") as handle:
        yield from (line for line in handle if line.strip())


def parsed(line: bytes) -> Any:
    """Return the value of a line; None where it is not JSON."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _items(source: Source) -> Iterator[Any]:
    if source.kind == "parquet":
        for batch in pq.ParquetFile(source.path).iter_batches(batch_size=10_000):
            yield from batch.to_pylist()
    else:
        yield from (parsed(line) for line in lines_of(source))


def rows(source: Source, schema: Mapping[str, Any], label: str) -> Iterator[Row]:
    """Return every row as the contract's input, with the value of its label; raises SourceInvalid."""
    kinds = kinds_of(schema)
    try:
        if source.kind == "csv":
            yield from _csv_rows(source, kinds, label)
        else:
            names = set(kinds)
            yield from (row_of(source, item, names, label) for item in _items(source))
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        raise SourceInvalid(f"The {source.kind} file cannot be read.") from error
