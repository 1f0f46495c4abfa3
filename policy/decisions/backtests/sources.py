"""Rows to evaluate: CSV, JSON lines, Parquet, or decrypted history.

What must stay true: the row reader and the columnar reader give the same value for every cell. Only fields
of the contract and the label are read. An empty CSV cell, a null and a number that is not finite are absent
values; a cell that does not fit its type makes its row invalid.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from decisionos.kernel import errors
from policy.decisions.backtests.columnar import SQL_TYPES, Column, literal, quote

KINDS = ("csv", "jsonl", "parquet")
TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
_ARROW = {"int": pa.int64(), "double": pa.float64(), "string": pa.string(), "bool": pa.bool_()}


class SourceInvalid(errors.Invalid):
    """The rows cannot be read."""

    code = "backtest_source_invalid"
    title = "The rows cannot be read"


@dataclass(frozen=True, slots=True)
class Source:
    """A file of rows and its format; ``name`` is how a report calls it."""

    kind: str
    path: Path
    name: str = ""


class _Misfit:
    """The mark of a cell that does not fit its type; it fits no schema."""


MISFIT = _Misfit()


def _from_text(text: str, kind: str) -> Any:
    lowered = text.strip().lower()
    if kind == "bool":
        return True if lowered in TRUE else False if lowered in FALSE else MISFIT
    if kind == "string":
        return text
    try:
        number = float(lowered)
        if not math.isfinite(number):
            return None
        if kind == "double":
            return number
        return (
            int(lowered) if lowered.lstrip("+-").isdigit() else int(number) if number.is_integer() else MISFIT
        )
    except ValueError:
        return MISFIT


def _csv_rows(path: Path, kinds: Mapping[str, str], label: str) -> Iterator[tuple[dict[str, Any], Any]]:
    with path.open(newline="", encoding="utf-8-sig") as handle:
        for cells in csv.DictReader(handle):
            row = {}
            for name, kind in kinds.items():
                text = cells.get(name)
                if text:
                    value = _from_text(text, kind)
                    if value is not None:
                        row[name] = value
            yield row, cells.get(label) if label else None


def _plain(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _dict_rows(found: Iterator[Any], names: set[str], label: str) -> Iterator[tuple[dict[str, Any], Any]]:
    for item in found:
        if not isinstance(item, dict):
            yield {"": MISFIT}, None
            continue
        row = {name: item[name] for name in names & item.keys() if _plain(item[name])}
        yield row, item.get(label) if label else None


def _json_lines(path: Path) -> Iterator[Any]:
    with path.open("rb") as handle:
        for line in handle:
            if line.strip():
                try:
                    yield orjson.loads(line)
                except orjson.JSONDecodeError:
                    yield None


def _parquet_rows(path: Path) -> Iterator[Any]:
    for batch in pq.ParquetFile(path).iter_batches(batch_size=10_000):
        yield from batch.to_pylist()


def rows(source: Source, schema: Mapping[str, Any], label: str) -> Iterator[tuple[dict[str, Any], Any]]:
    """Return every row as the contract's input, with the value of its label; raises SourceInvalid."""
    properties = schema.get("properties", {})
    try:
        if source.kind == "csv":
            kinds = {"integer": "int", "number": "double", "boolean": "bool"}
            named = {name: kinds.get(spec.get("type"), "string") for name, spec in properties.items()}
            yield from _csv_rows(source.path, named, label)
        elif source.kind == "jsonl":
            yield from _dict_rows(_json_lines(source.path), set(properties), label)
        else:
            yield from _dict_rows(_parquet_rows(source.path), set(properties), label)
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        raise SourceInvalid(f"The {source.kind} file cannot be read.") from error


def _text_cell(name: str, kind: str) -> tuple[str, str]:
    """Return the typed expression of a CSV cell, and the condition under which it does not fit."""
    cell = quote(name)
    low = f"lower(trim({cell}))"
    if kind == "string":
        return cell, "FALSE"
    if kind == "bool":
        words = f"CASE WHEN {low} IN ({', '.join(map(literal, TRUE))}) THEN TRUE WHEN {low} IN "
        typed = words + f"({', '.join(map(literal, FALSE))}) THEN FALSE END"
        return typed, f"({cell} IS NOT NULL AND ({typed}) IS NULL)"
    number = f"TRY_CAST({low} AS DOUBLE)"
    finite = f"(CASE WHEN isfinite({number}) THEN {number} END)"
    if kind == "double":
        return finite, f"({cell} IS NOT NULL AND {number} IS NULL)"
    whole = f"(CASE WHEN isfinite({number}) THEN TRY_CAST({low} AS BIGINT) END)"
    wrong = f"({number} IS NULL OR (isfinite({number}) AND ({whole} IS NULL OR {number} <> trunc({number}))))"
    return whole, f"({cell} IS NOT NULL AND {wrong})"


def _stored_cell(name: str, kind: str, stored: str) -> tuple[str, str]:
    """Return the typed expression of a column that has a type of its own; a wrong type fits nowhere."""
    cell = quote(name)
    family = {
        "int": ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"),
        "double": ("FLOAT", "DOUBLE", "TINYINT", "SMALLINT", "INTEGER"),
        "string": ("VARCHAR",),
        "bool": ("BOOLEAN",),
    }[kind]
    if stored not in family:
        raise SourceInvalid(f"The column {name} holds {stored}.")
    if stored in {"FLOAT", "DOUBLE"}:
        return f"(CASE WHEN isfinite({cell}) THEN {cell}::DOUBLE END)", "FALSE"
    return f"{cell}::{SQL_TYPES[kind]}", "FALSE"


def scan_of(source: Source, columns: Mapping[str, Column]) -> tuple[str, Any]:
    """Return the FROM clause of a file and a table to register, if any; raises SourceInvalid."""
    path = literal(str(source.path))
    if source.kind == "csv":
        return f"read_csv({path}, header=true, all_varchar=true, nullstr='', auto_detect=true)", None
    if source.kind == "parquet":
        return f"read_parquet({path})", None
    fields = [(name, _ARROW[column.type]) for name, column in columns.items()]
    try:
        options = pyarrow.json.ParseOptions(explicit_schema=pa.schema(fields))
        return "jsonl", pyarrow.json.read_json(source.path, parse_options=options)
    except pa.ArrowException as error:
        raise SourceInvalid("The lines do not share one shape.") from error


def cell_of(source: Source, column: Column, stored: str) -> tuple[str, str]:
    """Return the typed expression of a cell and the condition under which it does not fit."""
    if source.kind == "csv":
        return _text_cell(column.name, column.type)
    return _stored_cell(column.name, column.type, stored)
