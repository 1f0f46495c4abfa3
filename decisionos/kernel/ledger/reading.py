"""Stream the chain from the database, in order, one line per sealed entry.

COPY hands rows over while PostgreSQL still produces the next ones, so that both sides work at once. What
must stay true: a line has six fields (number, prev, curr, entry id, digest, record as JSON), the record has
exactly the members that the digest covers, and memory stays flat whatever the size of the ledger.
"""

from __future__ import annotations

import uuid
from collections.abc import Generator
from typing import Any

from django.db import connection

from decisionos.kernel import canonical

_LINES = """
COPY (
    SELECT s.seq, s.prev, s.curr, s.entry_id, e.digest,
    CASE WHEN e.id IS NULL THEN NULL ELSE json_build_object(
        'actor', e.actor, 'at', to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'corr_id', e.corr_id, 'id', e.id, 'kind', e.kind, 'payload', e.payload, 'subject_id', e.subject_id,
        'subject_type', e.subject_type, 'tenant', e.tenant_id) END
    FROM kernel_ledger_seal s
    LEFT JOIN kernel_ledger_entry e ON e.id = s.entry_id AND e.tenant_id = s.tenant_id
    WHERE s.tenant_id = %s AND s.seq >= %s AND s.seq <= %s ORDER BY s.seq
) TO STDOUT
"""
_ABSENT = b"\\N"


def sealed_lines(
    tenant_id: uuid.UUID, *, first: int = 1, last: int = 2**62
) -> Generator[list[bytes], None, None]:
    """Yield the six fields of each sealed entry; to be used within the tenant's scope.

    The two last fields are ``\\N`` where the entry is gone.
    """
    with connection.cursor() as cursor, cursor.copy(_LINES, [tenant_id, first, last]) as copy:
        for line in copy:
            yield bytes(line).split(b"\t", 5)


def json_of(text: bytes) -> bytes | None:
    """Return the JSON in a line's last field, or None where the entry is gone."""
    if text.startswith(_ABSENT):
        return None
    # COPY doubles every backslash; JSON holds no other character that COPY would escape.
    return text.replace(b"\\\\", b"\\") if b"\\" in text else text


def record_of(text: bytes) -> dict[str, Any] | None:
    """Return the record in a line's last field, or None where the entry is gone."""
    data = json_of(text)
    return None if data is None else canonical.decode(data)
