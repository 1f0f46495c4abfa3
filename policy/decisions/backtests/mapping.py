"""Which column of a file is which field: what fits by name, what is near, what is missing.

What must stay true: nothing is guessed into a run; a name that only looks like a field is offered, and
somebody says yes.
"""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from policy.decisions.backtests import sources
from policy.decisions.backtests.sources import SourceInvalid

NEAR, CONTAINED, MOST_OFFERED, LOOKED_AT = 0.6, 0.85, 3, 50
_EDGES = re.compile(r"[\W_]+", re.UNICODE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class MappingNeeded(SourceInvalid):
    """Required fields have no column; the nearest names are offered."""

    code = "backtest_mapping_needed"
    title = "Say which column is which"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A field of the contract, the column it is read from, and the columns with the nearest names."""

    name: str
    type: str
    required: bool
    column: str
    near: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """How the columns of a file meet the fields of a contract."""

    columns: tuple[str, ...]
    fields: tuple[Wanted, ...]
    unused: tuple[str, ...]

    @property
    def missing(self) -> tuple[Wanted, ...]:
        """Return the required fields that have no column."""
        return tuple(field for field in self.fields if field.required and not field.column)

    @property
    def is_doubtful(self) -> bool:
        """Say whether somebody should look: a required field is missing, or a column is called alike."""
        return bool(self.missing) or any(
            not field.column and folded(column) == folded(field.name)
            for field in self.fields
            for column in field.near
        )

    def as_json(self) -> dict[str, Any]:
        """Return the offer as plain values."""
        return {
            "columns": list(self.columns),
            "unused": list(self.unused),
            "fields": [
                {
                    "name": item.name,
                    "type": item.type,
                    "required": item.required,
                    "column": item.column,
                    "near": list(item.near),
                }
                for item in self.fields
            ],
        }


def folded(name: str) -> str:
    """Return a name without case, spaces and marks."""
    return _EDGES.sub("", _CAMEL.sub(" ", name)).casefold()


def _words(name: str) -> list[str]:
    return sorted(part.casefold() for part in _EDGES.split(_CAMEL.sub(" ", name)) if part)


def nearness(field: str, column: str) -> float:
    """Return how alike two names are, from 0 to 1; the order of their words counts little."""
    plain = difflib.SequenceMatcher(None, folded(field), folded(column)).ratio()
    sorted_ = difflib.SequenceMatcher(None, "".join(_words(field)), "".join(_words(column))).ratio()
    one, two = set(_words(field)), set(_words(column))
    return max(plain, 0.95 * sorted_, CONTAINED if one and two and (one <= two or two <= one) else 0.0)


def nearest(field: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns whose names are nearest to a field's, the nearest first."""
    scored = [(nearness(field, column), column) for column in columns]
    near = sorted((-score, column) for score, column in scored if score >= NEAR)
    return tuple(column for _score, column in near[:MOST_OFFERED])


def offer(columns: Sequence[str], schema: Mapping[str, Any], label: str, mapping: Mapping[str, str]) -> Offer:
    """Return how columns meet the fields of a schema and its label under a mapping.

    Raises SourceInvalid for a mapping of what is no field, or to what is no column.
    """
    properties = schema.get("properties", {})
    required = set(schema.get("required", ()))
    kinds = sources.kinds_of(schema)
    first = sorted(properties, key=lambda name: (name not in required, name))
    names = [*first, *([label] if label and label not in properties else [])]
    problems = [
        {"pointer": f"/mapping/{name}", "message": "is not a field of the contract"}
        for name in mapping
        if name not in names
    ] + [
        {"pointer": f"/mapping/{name}", "message": f"the file has no column {column!r}"}
        for name, column in mapping.items()
        if name in names and column and column not in columns
    ]
    if problems:
        raise SourceInvalid("The mapping does not fit.", errors=problems)
    taken = {name: mapping.get(name) or (name if name in columns else "") for name in names}
    unused = tuple(column for column in columns if column not in set(taken.values()))
    fields = tuple(
        Wanted(
            name,
            kinds.get(name, "label"),
            name in required,
            taken[name],
            () if taken[name] else nearest(name, unused),
        )
        for name in names
    )
    return Offer(tuple(columns), fields, unused)


def require(found: Offer) -> None:
    """Raise MappingNeeded where a required field has no column."""
    if not found.missing:
        return
    problems = []
    for field in found.missing:
        near = f"; the nearest names are {', '.join(field.near)}" if field.near else ""
        problems.append(
            {"pointer": f"/mapping/{field.name}", "message": f"the file has no column {field.name!r}{near}"}
        )
    raise MappingNeeded(
        "Some required fields have no column. Name them in mapping: {field: column}.",
        errors=problems,
        extra={"offer": found.as_json()},
    )


def columns_of(kind: str, content: bytes) -> tuple[str, ...]:
    """Return the names of a file's columns; raises SourceInvalid."""
    if kind == "csv":
        head = content[: sources.HEAD_BYTES].decode("utf-8-sig", errors="ignore")
        return tuple(name for name in sources.dialect_of_text(head).header if name)
    if kind == "parquet":
        try:
            return tuple(pq.ParquetFile(io.BytesIO(content)).schema_arrow.names)
        except (pa.ArrowException, OSError) as error:
            raise SourceInvalid("The parquet file cannot be read.") from error
    names: dict[str, None] = {}
    for line in content[: 4 * sources.HEAD_BYTES].splitlines()[:LOOKED_AT]:
        item = sources.parsed(line)
        if isinstance(item, dict):
            names.update(dict.fromkeys(map(str, item)))
    if not names:
        raise SourceInvalid("The first lines hold no JSON objects.")
    return tuple(names)
