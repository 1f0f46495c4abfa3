"""Stream the chain from the database, in order, one row per sealed entry.

COPY hands rows over while PostgreSQL still produces the next ones, so that both sides work at once; a stretch
at a time, so that neither memory nor one statement's time grows with the ledger. What must stay true: a
row's ``record`` has exactly the members that the digest covers, written as RFC 8785 writes them.
"""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Generator
from typing import Any, NamedTuple

import orjson
from django.db import connection

from decisionos.kernel import canonical

STRETCH = 50_000

# The lateral join keeps the plan a walk along two indexes, which starts at once and sorts nothing. to_char
# writes years before Christ without a sign; the era tells them apart.
_ROWS = """
COPY (
    SELECT s.seq, s.prev, s.curr, s.entry_id, e.digest, e.actor,
    to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"BC'),
    e.corr_id, e.kind, e.payload, e.subject_id, e.subject_type
    FROM kernel_ledger_seal s
    LEFT JOIN LATERAL (
        SELECT * FROM kernel_ledger_entry e
        WHERE e.id = s.entry_id AND e.tenant_id = s.tenant_id LIMIT 1
    ) e ON true
    WHERE s.tenant_id = %s AND s.seq >= %s AND s.seq <= %s ORDER BY s.seq LIMIT %s
) TO STDOUT
"""
_ABSENT = b"\\N"
_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_THIS_ERA = b"AD"


class Row(NamedTuple):
    """One sealed entry as COPY wrote it: every field is text, with COPY's escapes in it."""

    seq: bytes
    prev: bytes
    curr: bytes
    entry_id: bytes
    digest: bytes
    actor: bytes
    at: bytes
    corr_id: bytes
    kind: bytes
    payload: bytes
    subject_id: bytes
    subject_type: bytes

    @property
    def is_gone(self) -> bool:
        """Return whether the seal's entry is no longer there."""
        return self.digest == _ABSENT

    def record(self, tenant: str) -> dict[str, Any]:
        """Return the members that the digest covers; raises ValueError where a field cannot be read."""
        at = plain(self.at)
        return {
            "actor": plain(self.actor).decode(),
            "at": (at.removesuffix(_THIS_ERA) if at.endswith(_THIS_ERA) else at).decode(),
            "corr_id": plain(self.corr_id).decode(),
            "id": self.entry_id.decode(),
            "kind": plain(self.kind).decode(),
            "payload": canonical.decode(plain(self.payload)),
            "subject_id": plain(self.subject_id).decode(),
            "subject_type": plain(self.subject_type).decode(),
            "tenant": tenant,
        }


def rows(tenant_id: uuid.UUID, *, first: int, last: int, most: int) -> Generator[Row, None, None]:
    """Yield at most so many sealed entries of a range, in order; to be used within the tenant's scope."""
    make = Row._make
    with connection.cursor() as cursor, cursor.copy(_ROWS, [tenant_id, first, last, most]) as copy:
        for line in copy:
            yield make(bytes(line)[:-1].split(b"\t"))


def sealed(tenant_id: uuid.UUID, *, first: int, last: int) -> Generator[Row, None, None]:
    """Yield all sealed entries between two numbers, a stretch at a time."""
    at = first
    while at <= last:
        count = 0
        with contextlib.closing(rows(tenant_id, first=at, last=last, most=STRETCH)) as stretch:
            for row in stretch:
                yield row
                count += 1
                at = int(row.seq) + 1
        if count < STRETCH:
            return


def plain(field: bytes) -> bytes:
    """Return a field without COPY's escapes; raises ValueError where there is no value."""
    if b"\\" not in field:
        return field
    if field == _ABSENT:
        raise ValueError("a field has no value")
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), field)


def quick_record(row: Row, tenant: bytes) -> bytes:
    """Return the record's bytes where they follow from the fields as they stand; nothing where they may not.

    The bytes are canonical unless the payload holds a number or a key that orjson writes otherwise. So they
    are good for one thing only: when the digest covers them, they are the bytes that were recorded.
    """
    _, _, _, entry_id, _, actor, at, corr_id, kind, payload, subject_id, subject_type = row
    words = b"".join((actor, at, corr_id, kind, subject_id, subject_type))
    # A quote or an escape could make one field look like two.
    if b"\\" in words or b'"' in words or not at.endswith(_THIS_ERA):
        return b""
    try:
        if b"\\" in payload:
            payload = plain(payload)
        body = orjson.dumps(orjson.loads(payload), option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
    except (ValueError, TypeError):
        return b""
    return (
        b'{"actor":"%b","at":"%b","corr_id":"%b","id":"%b","kind":"%b","payload":%b,'
        b'"subject_id":"%b","subject_type":"%b","tenant":"%b"}'
        % (actor, at[:-2], corr_id, entry_id, kind, body, subject_id, subject_type, tenant)
    )


def strict_record(row: Row, tenant: str) -> bytes:
    """Return the record's canonical bytes, whatever it holds; raises ValueError, NotCanonical."""
    return canonical.encode(row.record(tenant))
