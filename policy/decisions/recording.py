"""Write decisions, their ledger entries and their events: one prepared statement, one round trip.

What must stay true: all three rows of a decision are written or none. The tenant is set inside the
statement, and every insert draws its rows from the expression that set it, so that row-level security sees
it. A decision whose idempotency key is taken writes nothing and is not returned.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
from django.db import connection

from decisionos.kernel import prepared
from decisionos.kernel.ledger import services as ledger
from policy.decisions.pipeline import Made

_DECISION = (
    ("id", "uuid"),
    ("contract", "text"),
    ("contract_version", "text"),
    ("decision_class", "text"),
    ("reasons", "text[]"),
    ("confidence", "float8"),
    ("required_docs", "text[]"),
    ("rules_applied", "jsonb"),
    ("not_evaluated", "jsonb"),
    ("versions", "jsonb"),
    # In base64; a column of bytes would have to be written in hexadecimal digits.
    ("sealed", "text"),
    ("input_hash", "text"),
    ("output_hash", "text"),
    ("subject_ref", "text"),
    ("purpose", "text"),
    ("consent_id", "uuid"),
    ("environment", "text"),
    ("actor", "text"),
    ("corr_id", "text"),
    ("idempotency_key", "text"),
    ("fingerprint", "text"),
    ("ledger_entry_id", "uuid"),
    ("decided_at", "timestamptz"),
    ("duration_us", "int4"),
)
_ENTRY_TYPES = ("uuid", "uuid", "text", "text", "text", "text", "text", "jsonb", "timestamptz", "text")
_ENTRY = tuple(zip(ledger.COLUMNS, _ENTRY_TYPES, strict=True))
_EVENT = (
    ("id", "uuid"),
    ("name", "text"),
    ("payload", "jsonb"),
    ("corr_id", "text"),
    ("occurred_at", "timestamptz"),
)


def _statement() -> str:
    given = [
        *_DECISION,
        *((f"entry_{name}", kind) for name, kind in _ENTRY),
        *((f"event_{name}", kind) for name, kind in _EVENT),
    ]
    columns = ", ".join(name for name, _ in _DECISION)
    values = ", ".join(
        "decode(r.sealed, 'base64')" if name == "sealed" else f"r.{name}" for name, _ in _DECISION
    )
    return (
        "WITH t AS MATERIALIZED (SELECT set_config('app.tenant_id', %s, true)::uuid AS tenant), "
        # One JSON text for all rows: several times quicker to write and to read than an array per column.
        "r AS MATERIALIZED (SELECT * FROM t, json_to_recordset(%s::json) AS "
        f"g({', '.join(f'{name} {kind}' for name, kind in given)})), "
        f"d AS (INSERT INTO policy_decisions_decision (tenant_id, {columns}) "
        f"SELECT r.tenant, {values} FROM r ON CONFLICT DO NOTHING RETURNING id), "
        f"l AS (INSERT INTO kernel_ledger_entry ({', '.join(ledger.COLUMNS)}) "
        f"SELECT {', '.join(f'r.entry_{name}' for name in ledger.COLUMNS)} FROM r JOIN d ON d.id = r.id), "
        f"v AS (INSERT INTO kernel_events_event "
        f"(tenant_id, attempts, last_error, {', '.join(name for name, _ in _EVENT)}) "
        f"SELECT r.tenant, 0, '', {', '.join(f'r.event_{name}' for name, _ in _EVENT)} "
        "FROM r JOIN d ON d.id = r.id) "
        "SELECT id FROM d"
    )


STATEMENT = _statement()
_PREPARED = prepared.Statement("decisionos_record", STATEMENT.replace("%s", "$1", 1).replace("%s", "$2", 1))
# A decision is written in a millisecond. Whoever waits for more than this gets a 503 in time to act on it.
DEADLINE_SECONDS, GROUP_DEADLINE_SECONDS = 1.5, 30.0


def _run(
    raw: psycopg.Connection[Any], parameters: tuple[str, str], seconds: float = DEADLINE_SECONDS
) -> set[uuid.UUID]:
    with connection.wrap_database_errors:
        if raw.autocommit:
            rows = _PREPARED.run(raw, [item.encode() for item in parameters], seconds=seconds)
            return {uuid.UUID(str(row[0], "ascii")) for row in rows if row[0]}
        # Inside of somebody's transaction, which the cursor opens where it is not open yet.
        with psycopg.Cursor(raw) as cursor:
            return {row[0] for row in cursor.execute(STATEMENT, parameters, prepare=True).fetchall()}


def _parameters(tenant_id: uuid.UUID, made: Sequence[Made]) -> tuple[str, str]:
    return str(tenant_id), (b"[" + b",".join(item.row for item in made) + b"]").decode()


def _again(error: Exception, parameters: tuple[str, str], *, in_transaction: bool) -> set[uuid.UUID]:
    """Run once more where the connection had died since its last use; raises the error otherwise."""
    too_long = isinstance(error.__cause__, prepared.TookTooLong)
    if too_long or in_transaction or connection.connection is None or connection.is_usable():
        raise error
    connection.close()
    connection.ensure_connection()
    return _run(connection.connection, parameters)


def record(tenant_id: uuid.UUID, made: Sequence[Made]) -> set[uuid.UUID]:
    """Write decisions of one tenant in one statement; returns the ids that are new.

    Repeating it is safe: the ids are keys. A connection that died since its last use is replaced once.
    """
    if not made:
        return set()
    parameters = _parameters(tenant_id, made)
    in_transaction = connection.in_atomic_block
    connection.ensure_connection()
    try:
        return _run(connection.connection, parameters)
    except Exception as error:  # noqa: BLE001  raised again unless the connection had died
        return _again(error, parameters, in_transaction=in_transaction)


class Recorder:
    """Write group after group of one tenant while the caller decides the next; close it when done.

    The caller's own connection is used, by one statement at a time. ``start`` never waits for the database;
    what it returns gives the new ids once they are durable, or raises.
    """

    def __init__(self, tenant_id: uuid.UUID) -> None:
        self.tenant_id = tenant_id
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="record")

    def start(self, made: Sequence[Made]) -> Callable[[], set[uuid.UUID]]:
        """Begin to write a group."""
        if not made:
            return set
        connection.ensure_connection()
        parameters = _parameters(self.tenant_id, made)
        in_transaction = connection.in_atomic_block
        future = self._writer.submit(_run, connection.connection, parameters, GROUP_DEADLINE_SECONDS)

        def finish() -> set[uuid.UUID]:
            try:
                return future.result()
            except Exception as error:  # noqa: BLE001  raised again unless the connection had died
                return _again(error, parameters, in_transaction=in_transaction)

        return finish

    def close(self) -> None:
        """Wait for what is being written, and end."""
        self._writer.shutdown()
