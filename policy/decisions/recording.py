"""Write decisions, their ledger entries and their events: one prepared statement, one round trip.

What must stay true: all three rows of a decision are written or none. The tenant is set inside the
statement, and every insert draws its rows from the expression that set it, so that row-level security sees
it. A decision whose idempotency key is taken writes nothing and is not returned.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import psycopg
from django.db import connection

from decisionos.kernel.ledger import services as ledger
from policy.decisions.pipeline import Made

_DECISION = (
    ("id", "uuid"),
    ("contract", "text"),
    ("contract_version", "text"),
    ("decision_class", "text"),
    ("reasons", "text"),
    ("confidence", "float8"),
    ("required_docs", "text"),
    ("rules_applied", "jsonb"),
    ("not_evaluated", "jsonb"),
    ("versions", "jsonb"),
    ("sealed", "bytea"),
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
_EVENT = (
    ("id", "uuid"),
    ("name", "text"),
    ("payload", "jsonb"),
    ("corr_id", "text"),
    ("occurred_at", "timestamptz"),
)
_LISTS = {"reasons", "required_docs"}


def _arrays(types: Sequence[str]) -> str:
    return ", ".join(f"%s::{kind}[]" for kind in types)


def _statement() -> str:
    columns = ", ".join(name for name, _ in _DECISION)
    values = ", ".join(
        f"string_to_array(r.{name}, chr(31))" if name in _LISTS else f"r.{name}" for name, _ in _DECISION
    )
    entry = ", ".join(ledger.COLUMNS)
    event = ", ".join(name for name, _ in _EVENT)
    return (
        "WITH t AS MATERIALIZED (SELECT set_config('app.tenant_id', %s, true)::uuid AS tenant), "
        f"d AS (INSERT INTO policy_decisions_decision (tenant_id, {columns}) "
        f"SELECT t.tenant, {values} FROM t, unnest({_arrays([kind for _, kind in _DECISION])}) AS r({columns}) "
        "ON CONFLICT DO NOTHING RETURNING id, tenant_id), "
        f"l AS (INSERT INTO kernel_ledger_entry ({entry}) SELECT {', '.join(f'e.{name}' for name in ledger.COLUMNS)} "
        f"FROM unnest(%s::uuid[], {_arrays(_ENTRY_TYPES)}) AS e(decision, {entry}) JOIN d ON d.id = e.decision), "
        f"v AS (INSERT INTO kernel_events_event (tenant_id, attempts, last_error, {event}) "
        f"SELECT d.tenant_id, 0, '', {', '.join(f'x.{name}' for name, _ in _EVENT)} "
        f"FROM unnest(%s::uuid[], {_arrays([kind for _, kind in _EVENT])}) AS x(decision, {event}) "
        "JOIN d ON d.id = x.decision) "
        "SELECT id FROM d"
    )


STATEMENT = _statement()


def _run(parameters: list[object]) -> set[uuid.UUID]:
    connection.ensure_connection()
    # Django's own cursor binds in the client and cannot prepare; the raw one does both in one round trip.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return {row[0] for row in cursor.execute(STATEMENT, parameters, prepare=True).fetchall()}


def record(tenant_id: uuid.UUID, made: Sequence[Made]) -> set[uuid.UUID]:
    """Write decisions of one tenant in one statement; returns the ids that are new.

    Repeating it is safe: the ids are keys. A connection that died since its last use is replaced once.
    """
    if not made:
        return set()
    decisions = [item.id for item in made]
    parameters: list[object] = [
        str(tenant_id),
        *(list(column) for column in zip(*(item.row for item in made), strict=True)),
        decisions,
        *(list(column) for column in zip(*(item.entry for item in made), strict=True)),
        decisions,
        *(list(column) for column in zip(*(item.event for item in made), strict=True)),
    ]
    in_transaction = connection.in_atomic_block
    try:
        return _run(parameters)
    except Exception:
        if in_transaction or connection.connection is None or connection.is_usable():
            raise
        connection.close()
        return _run(parameters)
