"""A whole source as typed columns, with the number each row has in the source.

What must stay true: a row's number travels with it as a column of its own; nothing here or later relies on
the order in which threads deliver rows. A value is typed here only where ``sources`` would read the same;
every other row is *odd* and left to it. Files are read by Arrow, so that the SQL engine opens none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from policy.decisions.backtests import sources
from policy.decisions.backtests.columnar import Column
from policy.decisions.backtests.sources import Source, SourceInvalid

ROW, LABEL = "__row", "__label"
CSV_BLOCK, LINES_BLOCK, FEW_LINES, MOST_WORDS = 1 << 20, 16 << 20, 64, 50_000
_ARROW = {"int": pa.int64(), "double": pa.float64(), "string": pa.string(), "bool": pa.bool_()}
_WORDS = pa.dictionary(pa.int32(), pa.string())
_WHOLE, _WHOLE_DOUBLE = r"^-?[0-9]{1,15}$", r"^-?[0-9]{1,15}\.0{1,9}$"
_DOUBLE = r"^-?[0-9]{1,15}(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,2})?$"
_FAMILIES: dict[str, tuple[str, ...]] = {
    "int": ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "float", "double"),
    "double": ("float", "double", "int8", "int16", "int32"),
    "string": ("string", "large_string", "string_view"),
    "bool": ("bool",),
}
Odd = tuple[int, dict[str, Any], Any]


@dataclass(slots=True)
class Loaded:
    """Typed rows with their numbers, and the odd ones beside them, each number once."""

    table: pa.Table
    odd: list[Odd] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Return how many rows the source has."""
        return int(self.table.num_rows) + len(self.odd)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of every value of a column, so that the SQL need not ask it of each."""

    has_nulls: bool
    least: float | None = None
    most: float | None = None
    words: frozenset[str] | None = None


def facts_of(table: pa.Table, columns: Mapping[str, Column]) -> dict[str, Facts]:
    """Return the facts of each column that are cheap to know."""
    found = {}
    for name, column in columns.items():
        values, least, most, words = table[name], None, None, None
        if column.type in {"int", "double"}:
            bounds = pc.min_max(values)
            least, most = bounds["min"].as_py(), bounds["max"].as_py()
        elif pa.types.is_dictionary(values.type):
            lists = [chunk.dictionary for chunk in values.chunks]
            if sum(map(len, lists)) <= MOST_WORDS:
                words = frozenset(word for held in lists for word in held.to_pylist())
        found[name] = Facts(values.null_count > 0, least, most, words)
    return found


def load(source: Source, columns: Mapping[str, Column], label: str) -> Loaded:
    """Return the whole source; raises SourceInvalid where it has no columnar form."""
    try:
        if source.kind == "csv":
            return _csv(source, columns, label)
        if source.kind == "parquet":
            return _parquet(source, columns, label)
        return _lines(source, columns, label)
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        raise SourceInvalid(f"The {source.kind} rows have no common shape: {_first(error)}") from error


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:160]


def _numbered(arrays: Mapping[str, Any], numbers: pa.Array, columns: Mapping[str, Column]) -> pa.Table:
    """Return a table of exactly the contract's columns, the label and the numbers."""
    count, found = len(numbers), {}
    for name, column in columns.items():
        values = arrays.get(name)
        if values is None:
            values = pa.nulls(count, _ARROW[column.type])
        found[name] = _finite(values) if column.type == "double" else values
    found[LABEL] = arrays.get(LABEL, pa.nulls(count, pa.string()))
    found[ROW] = numbers
    return pa.table(found)


def _counting(count: int, start: int = 1) -> pa.Array:
    if not count:
        return pa.array([], pa.int64())
    return pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), count), start=start - 1)


def _finite(values: Any) -> Any:
    finite = pc.is_finite(values)
    if pc.all(finite, min_count=0).as_py() is not False:
        return values
    return pc.if_else(finite, values, pa.scalar(None, values.type))


# --- Parquet ---------------------------------------------------------------------------------------------


def _parquet(source: Source, columns: Mapping[str, Column], label: str) -> Loaded:
    schema = pq.ParquetFile(source.path).schema_arrow
    wanted = {name: source.column_of(name) for name in columns if source.column_of(name) in schema.names}
    labelled = source.column_of(label) if label and label not in columns else ""
    for name, stored in wanted.items():
        found = str(schema.field(stored).type)
        plain = found.removeprefix("dictionary<values=").partition(",")[0]
        if plain not in _FAMILIES[columns[name].type]:
            raise SourceInvalid(f"The column {stored} holds {found}.")
    words = [stored for name, stored in wanted.items() if columns[name].type == "string"]
    read = [*dict.fromkeys(wanted.values()), *([labelled] if labelled in schema.names else [])]
    table = pq.read_table(source.path, columns=read, read_dictionary=words)
    arrays = {}
    for name, stored in wanted.items():
        kind = columns[name].type
        whole = kind == "int" and str(schema.field(stored).type) in {"float", "double"}
        values = _finite(table[stored]) if whole else table[stored]
        arrays[name] = values if kind == "string" else values.cast(_ARROW[kind])
    if label in wanted:
        arrays[LABEL] = arrays[label]
    elif labelled in schema.names:
        arrays[LABEL] = table[labelled]
    return Loaded(_numbered(arrays, _counting(table.num_rows), columns))


# --- JSON lines --------------------------------------------------------------------------------------------


def _blocks(source: Source) -> Iterator[bytes]:
    """Return blocks of whole lines."""
    if source.open_lines is not None:
        yield from source.open_lines()
        return
    with source.path.open("rb") as handle:
        rest = b""
        while part := handle.read(LINES_BLOCK):
            whole, cut, left = (rest + part).rpartition(b"\n")
            if cut:
                yield whole + cut
            rest = left
        if rest:
            yield rest


def _lines(source: Source, columns: Mapping[str, Column], label: str) -> Loaded:
    stored = {source.column_of(name): column for name, column in columns.items()}
    fields = [(name, _ARROW[column.type]) for name, column in stored.items()]
    labelled = source.column_of(label) if label and label not in columns else ""
    reader = _LineReader(source, set(columns), label, labelled, pa.schema(fields))
    at = 1
    for block in _blocks(source):
        at += reader.read(block.replace(b"\r\n", b"\n") if b"\r" in block else block, at)
    tables = []
    for start, table in reader.parts:
        arrays = {name: table[source.column_of(name)] for name in columns}
        if label in columns:
            arrays[LABEL] = arrays[label]
        else:
            arrays[LABEL] = _text_label(table, labelled)
        tables.append(_numbered(arrays, _counting(table.num_rows, start), columns))
    if not tables:
        return Loaded(_numbered({}, _counting(0), columns), reader.odd)
    return Loaded(pa.concat_tables(tables), reader.odd)


def _text_label(table: pa.Table, name: str) -> Any:
    # Lines may differ in the label's type from block to block: as text all of them are alike.
    if not name or name not in table.column_names:
        return pa.nulls(table.num_rows, pa.string())
    return table[name].cast(pa.string())


class _LineReader:
    """Reads blocks of lines; a line that Arrow cannot take with its neighbours is odd."""

    def __init__(self, source: Source, names: set[str], label: str, labelled: str, schema: pa.Schema) -> None:
        self.source, self.names, self.label = source, names, label
        self.parts: list[tuple[int, pa.Table]] = []
        self.odd: list[Odd] = []
        self.trusted = source.open_lines is not None
        # A label is whatever fits all lines of a block; what fitted last is tried first.
        forms = (pa.int64(), pa.bool_(), pa.float64(), pa.string()) if labelled else (None,)
        self.options = [
            pyarrow.json.ParseOptions(
                explicit_schema=schema if form is None else schema.append(pa.field(labelled, form)),
                unexpected_field_behavior="ignore",
            )
            for form in forms
        ]

    def read(self, block: bytes, start: int) -> int:
        """Read a block whose first line has this number; returns how many lines it has."""
        table = self._whole(block)
        if table is not None:
            self.parts.append((start, table))
            return int(table.num_rows)
        lines = [line for line in block.split(b"\n") if line.strip()]
        if len(lines) <= FEW_LINES:
            for at, line in enumerate(lines, start):
                row, label = sources.row_of(self.source, sources.parsed(line), self.names, self.label)
                self.odd.append((at, row, label))
            return len(lines)
        half = len(lines) // 2
        done = self.read(b"\n".join(lines[:half]) + b"\n", start)
        return done + self.read(b"\n".join(lines[half:]) + b"\n", start + done)

    def _whole(self, block: bytes) -> pa.Table | None:
        count = block.count(b"\n") + (not block.endswith(b"\n"))
        if not (self.trusted or _is_tidy(block, count)):
            return None
        read = pyarrow.json.ReadOptions(block_size=max(4 << 20, len(block) // 2 + 1))
        for options in list(self.options):
            try:
                table = pyarrow.json.read_json(
                    pa.BufferReader(block), read_options=read, parse_options=options
                )
            except pa.ArrowException:
                continue
            self.options.sort(key=lambda item, found=options: item is not found)  # type: ignore[misc]
            return table if table.num_rows == count else None
        return None


def _is_tidy(block: bytes, count: int) -> bool:
    """Say whether every line is one object: Arrow would join or split lines where the row reader does not."""
    whole = block.startswith(b"{") and block.rstrip(b"\n").endswith(b"}")
    return whole and block.count(b"}\n{") == count - 1


# --- CSV ---------------------------------------------------------------------------------------------------


def _has_hexadecimal(text: bytes) -> bool:
    """Say whether something reads as a hexadecimal number: one for Arrow, none for the row reader."""
    return any(mark[1:] in text and mark in text for mark in (b"0x", b"0X"))


def _spellings(words: Iterable[str]) -> list[str]:
    return [form for word in words for form in dict.fromkeys((word, word.capitalize(), word.upper()))]


def _csv(source: Source, columns: Mapping[str, Column], label: str) -> Loaded:
    dialect = sources.dialect_of(source.path)
    text = source.path.read_bytes()
    wanted = {name: source.column_of(name) for name in columns if source.column_of(name) in dialect.header}
    labelled = source.column_of(label) if label and label not in columns else ""
    kinds = {stored: columns[name].type for name, stored in wanted.items()}
    read = [*kinds, *([labelled] if labelled in dialect.header and labelled not in kinds else [])]
    if len(kinds) == len(wanted) and not _has_hexadecimal(text):
        types = {name: _WORDS if kind == "string" else _ARROW[kind] for name, kind in kinds.items()}
        try:
            table = _read_csv(text, dialect, read, {**types, labelled: pa.string()})
        except pa.ArrowInvalid:
            pass
        else:
            arrays = {name: table[stored] for name, stored in wanted.items()}
            if label in columns and label in arrays:
                arrays[LABEL] = arrays[label]
            elif labelled in read:
                arrays[LABEL] = table[labelled]
            return Loaded(_numbered(arrays, _counting(table.num_rows), columns))
    return _csv_as_text(source, columns, label, dialect, text)


def _read_csv(
    text: bytes, dialect: sources.Dialect, names: Sequence[str], types: Mapping[str, Any]
) -> pa.Table:
    return pyarrow.csv.read_csv(
        pa.BufferReader(text),
        read_options=pyarrow.csv.ReadOptions(block_size=CSV_BLOCK),
        parse_options=pyarrow.csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=b'"' in text),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=list(names),
            column_types={name: types[name] for name in names},
            null_values=[""],
            strings_can_be_null=True,
            true_values=_spellings(sources.TRUE),
            false_values=_spellings(sources.FALSE),
        ),
    )


def _csv_as_text(
    source: Source, columns: Mapping[str, Column], label: str, dialect: sources.Dialect, text: bytes
) -> Loaded:
    """Read every cell as text and type what is plainly written; the rest is odd."""
    wanted = {name: source.column_of(name) for name in columns if source.column_of(name) in dialect.header}
    labelled = source.column_of(label) if label and label not in columns else ""
    read = [*dict.fromkeys([*wanted.values(), *([labelled] if labelled in dialect.header else [])])]
    ragged: list[Odd] = []
    try:
        table = _read_csv(text, dialect, read, dict.fromkeys(read, pa.string()))
        numbers = _counting(table.num_rows)
    except pa.ArrowInvalid:
        table, numbers, ragged = _ragged(source.path, dialect, read)
    arrays: dict[str, Any] = {}
    odd = pa.repeat(pa.scalar(False), table.num_rows)
    for name, stored in wanted.items():
        arrays[name], strange = _typed(table[stored].combine_chunks(), columns[name].type)
        if strange is not None:
            odd = pc.or_(odd, strange)
    if label in columns and label in arrays:
        arrays[LABEL] = arrays[label]
    elif labelled in read:
        arrays[LABEL] = table[labelled]
    whole = _numbered(arrays, numbers, columns)
    odd_rows = _odd_rows(table.filter(odd), numbers.filter(odd), wanted, columns, label, labelled)
    return Loaded(whole.filter(pc.invert(odd)), sorted([*ragged, *odd_rows], key=lambda item: item[0]))


def _odd_rows(
    table: pa.Table,
    numbers: Any,
    wanted: Mapping[str, str],
    columns: Mapping[str, Column],
    label: str,
    labelled: str,
) -> Iterator[Odd]:
    for number, cells in zip(numbers.to_pylist(), table.to_pylist(), strict=True):
        row = {}
        for name, stored in wanted.items():
            value = sources.from_text(cells[stored], columns[name].type) if cells[stored] else None
            if value is not None:
                row[name] = value
        yield number, row, row.get(label) if label in columns else cells.get(labelled)


def _ragged(
    path: Path, dialect: sources.Dialect, read: Sequence[str]
) -> tuple[pa.Table, pa.Array, list[Odd]]:
    """Read text cell by cell where some lines have too few cells or too many."""
    width, places = len(dialect.header), [dialect.header.index(name) for name in read]
    cells: list[list[str | None]] = [[] for _ in read]
    numbers, odd = [], []
    for number, (_line, found) in enumerate(sources.csv_cells(path, dialect), start=1):
        if len(found) != width:
            told = f"the line has {len(found)} cells, the header {width}"
            odd.append((number, {"": sources.Misfit(told)}, None))
            continue
        numbers.append(number)
        for held, place in zip(cells, places, strict=True):
            held.append(found[place] or None)
    arrays = [pa.array(held, pa.string()) for held in cells]
    return pa.table(arrays, names=list(read)), pa.array(numbers, pa.int64()), odd


def _typed(cells: Any, kind: str) -> tuple[Any, Any | None]:
    """Return the typed cells and which rows are odd, if any."""
    nothing = pa.scalar(None, pa.string())
    if kind == "string":
        return cells, None
    if kind == "bool":
        low = pc.utf8_lower(cells)
        yes, no = (pc.is_in(low, pa.array(words)) for words in (sources.TRUE, sources.FALSE))
        known = pc.or_(yes, no)
        typed = pc.if_else(known, yes, pa.scalar(None, pa.bool_()))
    elif kind == "double":
        known = pc.fill_null(pc.match_substring_regex(cells, _DOUBLE), False)
        typed = pc.if_else(known, cells, nothing).cast(pa.float64())
    else:
        plain = pc.fill_null(pc.match_substring_regex(cells, _WHOLE), False)
        point = pc.fill_null(pc.match_substring_regex(cells, _WHOLE_DOUBLE), False)
        known = pc.or_(plain, point)
        whole = pc.if_else(plain, cells, nothing).cast(pa.int64())
        typed = pc.coalesce(whole, pc.if_else(point, cells, nothing).cast(pa.float64()).cast(pa.int64()))
    strange = pc.and_(pc.is_valid(cells), pc.invert(known))
    return typed, strange if pc.any(strange).as_py() else None
