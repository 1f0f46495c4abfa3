"""Reading a batch (NDJSON, or one JSON array) and writing its answers as NDJSON.

What must stay true: a line that cannot be read is answered as an error of that line; a line has the size
limit of a single request; NDJSON is read as it comes and never held whole.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from django.conf import settings
from django.http import HttpRequest

from decisionos.kernel import errors
from policy.decisions import pipeline

Row = tuple[int, pipeline.Asked | errors.DosError]


def _asked(line: int, body: Any, raw: bytes, key: str) -> Row:
    try:
        fingerprint = hashlib.sha256(raw).hexdigest() if key else ""
        return line, pipeline.read_request(body, key=f"{key}:{line}" if key else "", fingerprint=fingerprint)
    except errors.DosError as error:
        return line, error


def _lines(request: HttpRequest, key: str) -> Iterator[Row]:
    number = 0
    most = int(settings.DOS_MAX_BODY_BYTES)
    while raw := request.readline():
        number += 1
        if not raw.strip():
            continue
        if len(raw) > most:
            yield number, errors.TooLarge(f"A line may have at most {most} bytes.")
            continue
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            yield number, errors.BadRequest("The line is not valid JSON.", code="json_invalid")
            continue
        yield _asked(number, body, raw.strip(), key)


def read(request: HttpRequest, *, key: str) -> Iterable[Row]:
    """Return the requests of a batch with their line numbers, from 1; raises BadRequest."""
    if (request.content_type or "").partition(";")[0].strip() != "application/json":
        return _lines(request, key)
    try:
        rows = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise errors.BadRequest("The body is not valid JSON.", code="json_invalid") from error
    if not isinstance(rows, list):
        raise errors.BadRequest("The body must be an array.", code="json_invalid")
    return (_asked(number, row, orjson.dumps(row), key) for number, row in enumerate(rows, start=1))


def write(groups: Iterable[list[dict[str, Any]]]) -> Iterator[bytes]:
    """Return the answers as lines, a group at a time."""
    for group in groups:
        yield b"".join(orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE) for answer in group)


def chain(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    """Return one stream of both."""
    return itertools.chain([first], rest)
