"""Export exactly what a list shows, as CSV or JSON, row by row.

What must stay true: the rows are read inside the organization's scope although the answer has begun; no cell
can be taken for a formula; each export is in the ledger.
"""

from __future__ import annotations

import csv
import datetime
import decimal
import io
import re
import uuid
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import orjson
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.translation import gettext as _

from decisionos.kernel import clock, errors
from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.tenants import scope

if TYPE_CHECKING:
    from decisionos.kernel.console.lists import Column

KINDS = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
CHUNK = 2_000


def plain(value: Any) -> Any:
    """Return a value as JSON writes it."""
    if isinstance(value, decimal.Decimal | uuid.UUID):
        return str(value)
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def cell(value: Any) -> str:
    """Return a value as a spreadsheet may read it: text that looks like a formula stays text."""
    shown = plain(value)
    if shown is None:
        return ""
    text = orjson.dumps(shown).decode() if isinstance(shown, list | dict) else str(shown)
    if (
        isinstance(shown, str)
        and re.match(r"[\s]*[=+\-@|]", text)
        and not re.fullmatch(r"-?\d+(\.\d+)?", text)
    ):
        return f"'{text}"
    return text


def _csv(rows: Iterator[Any], columns: Sequence[Column]) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([column.name for column in columns])
    for number, row in enumerate(rows, start=1):
        writer.writerow([cell(column.of(row)) for column in columns])
        if number % 200 == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _json(rows: Iterator[Any], columns: Sequence[Column]) -> Iterator[bytes]:
    yield b"["
    for number, row in enumerate(rows):
        line = orjson.dumps({column.name: plain(column.of(row)) for column in columns})
        yield (b",\n" if number else b"\n") + line
    yield b"\n]\n"


def stream(
    request: HttpRequest, rows: QuerySet[Any, Any], columns: Sequence[Column], *, name: str
) -> StreamingHttpResponse:
    """Return every row as a download; raises BadRequest for a format that is not offered."""
    kind = request.GET.get("export", "")
    if kind not in KINDS:
        raise errors.BadRequest(_("Only csv and json can be exported."))
    tenant = scope.require()
    wanted = [column for column in columns if column.export]
    query = request.GET.copy()
    query.pop("export", None)
    ledger.append(
        kind="console.exported",
        payload={"page": name, "format": kind, "query": query.urlencode()[:500]},
        subject_type="page",
        subject_id=name,
    )

    def content() -> Iterator[bytes]:
        # The request's own scope has ended when the body is written.
        with scope.tenant_scope(tenant):
            yield from (_csv if kind == "csv" else _json)(rows.iterator(chunk_size=CHUNK), wanted)

    response = StreamingHttpResponse(content(), content_type=KINDS[kind])
    response["Content-Disposition"] = f'attachment; filename="{name}-{clock.now():%Y%m%d-%H%M%S}.{kind}"'
    return response
