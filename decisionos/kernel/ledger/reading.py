"""Stream the chain from the database, in order, a few thousand rows at a time."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from django.db import connection

_ROWS = (
    "SELECT s.seq, s.prev, s.curr, s.entry_id::text, e.id::text, e.digest, e.kind, e.subject_type, "
    "e.subject_id, e.actor, e.corr_id, e.payload::text, e.occurred_at "
    "FROM kernel_ledger_seal s LEFT JOIN kernel_ledger_entry e "
    "ON e.id = s.entry_id AND e.tenant_id = s.tenant_id "
    "WHERE s.tenant_id = %s AND s.seq >= %s AND s.seq <= %s ORDER BY s.seq"
)
_AT_ONCE = 5_000


def sealed_rows(
    tenant_id: uuid.UUID, *, first: int = 1, last: int = 2**62
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield batches of sealed entries by number; to be used within the tenant's scope."""
    # A server-side cursor: memory stays flat whatever the size of the ledger.
    with closing(connection.chunked_cursor()) as cursor:
        cursor.execute(_ROWS, [tenant_id, first, last])
        while rows := cursor.fetchmany(_AT_ONCE):
            yield rows
