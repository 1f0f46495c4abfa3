"""Append to the ledger: one INSERT in the caller's transaction, no lock, no waiting for another writer.

What must stay true: the entry and what it records commit together or not at all; nothing is read first.
Personal data does not belong into a payload: its vault token or its hash does.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import connection

from decisionos.kernel import canonical, clock, correlation, errors, ids
from decisionos.kernel.ledger import acting, rules
from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.tenants import scope


class EntryInvalid(errors.Invalid):
    """The entry cannot be recorded as it is."""

    code = "ledger_entry_invalid"
    title = "The ledger entry is not acceptable"


# The order of columns in ``Prepared.values``; the writing transaction's number is the column's default.
COLUMNS = (
    "id",
    "tenant_id",
    "kind",
    "subject_type",
    "subject_id",
    "actor",
    "corr_id",
    "payload",
    "occurred_at",
    "digest",
)
_TYPES = ("uuid", "uuid", "text", "text", "text", "text", "text", "jsonb", "timestamptz", "text")
INTO = f"kernel_ledger_entry ({', '.join(COLUMNS)})"
PLACEHOLDERS = ", ".join(f"%s::{kind}" for kind in _TYPES)
_INSERT = f"INSERT INTO {INTO} VALUES ({PLACEHOLDERS})"
# One JSON text for all rows: several times quicker to write and to read than ten arrays.
_INSERT_MANY = (
    f"INSERT INTO {INTO} SELECT * FROM json_to_recordset(%s::json) AS given("
    + ", ".join(f"{name} {kind}" for name, kind in zip(COLUMNS, _TYPES, strict=True))
    + ")"
)
_LIMITS = {"kind": 80, "subject_type": 60, "subject_id": 120, "actor": 120, "corr_id": 64}


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants recorded."""

    kind: str
    payload: dict[str, Any]
    subject_type: str = ""
    subject_id: str = ""
    actor: str | None = None
    corr_id: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """An entry ready to be inserted: by ``append``, or by a caller's own statement.

    ``INSERT INTO {INTO} VALUES ({PLACEHOLDERS})`` with ``values`` is all that is needed.
    """

    id: uuid.UUID
    tenant_id: uuid.UUID
    digest: str
    occurred_at: datetime
    at: str
    draft: Draft
    values: tuple[Any, ...]

    def as_row(self) -> dict[str, Any]:
        """Return the values by column, the payload as it was encoded."""
        row = dict(zip(COLUMNS, self.values, strict=True))
        return {
            **row,
            "payload": orjson.Fragment(row["payload"]),
            "occurred_at": self.at,
        }

    def as_entry(self) -> Entry:
        """Return the model instance, as it is after the insert."""
        named = dict(zip(COLUMNS, self.values, strict=True))
        entry = Entry(**{**named, "payload": self.draft.payload})
        entry._state.adding = False
        return entry


def prepare(draft: Draft, *, tenant_id: uuid.UUID | None = None) -> Prepared:
    """Check a draft and compute its digest; raises EntryInvalid, TenantRequired, NotCanonical."""
    tenant = tenant_id or scope.require()
    if not rules.KIND.fullmatch(draft.kind):
        raise EntryInvalid(f"{draft.kind!r} is not a kind: words in lower snake case, joined by dots.")
    if not isinstance(draft.payload, dict):
        raise EntryInvalid("The payload must be an object.")
    moment = draft.at or clock.now()
    if moment.tzinfo is None:
        raise EntryInvalid("The moment must carry its time zone.")
    texts = {
        "kind": draft.kind,
        "subject_type": draft.subject_type,
        "subject_id": str(draft.subject_id),
        "actor": acting.current() if draft.actor is None else draft.actor,
        "corr_id": correlation.current() if draft.corr_id is None else draft.corr_id,
    }
    for name, text in texts.items():
        if len(text) > _LIMITS[name] or "\x00" in text:
            raise EntryInvalid(
                f"{name} is longer than {_LIMITS[name]} characters, or holds a null character."
            )
    identifier = ids.uuid7()
    payload = canonical.encode(draft.payload)
    if len(payload) > rules.MOST_PAYLOAD_BYTES:
        raise errors.TooLarge(
            f"A ledger payload may have {rules.MOST_PAYLOAD_BYTES} bytes, not {len(payload)}."
        )
    # A null character, written \u0000, is the one thing JSON can say and jsonb cannot keep.
    if b"\\u0000" in payload:
        raise EntryInvalid("The payload holds a null character.")
    at = rules.instant(moment)
    digest = _digest(
        rules.record(entry_id=identifier, tenant_id=tenant, occurred_at=at, payload=draft.payload, **texts),
        payload,
    )
    values = (
        identifier,
        tenant,
        texts["kind"],
        texts["subject_type"],
        texts["subject_id"],
        texts["actor"],
        texts["corr_id"],
        payload.decode(),
        moment,
        digest,
    )
    return Prepared(identifier, tenant, digest, moment, at, draft, values)


def _digest(record: dict[str, Any], payload: bytes) -> str:
    """Return the digest of a record whose payload is canonical already: it is put in as it is."""
    try:
        text = orjson.dumps({**record, "payload": orjson.Fragment(payload)}, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # Text that UTF-8 cannot say: the reference says what is wrong with it.
        return canonical.digest(record)
    return hashlib.sha256(text).hexdigest()


def append(
    *,
    kind: str,
    payload: dict[str, Any],
    subject_type: str = "",
    subject_id: str = "",
    actor: str | None = None,
    corr_id: str | None = None,
    at: datetime | None = None,
) -> Entry:
    """Record what happened, in the caller's transaction and scope.

    Actor and correlation id come from the door unless given. Raises EntryInvalid, TenantRequired. It is not
    idempotent by itself: it is as repeatable as the transaction it stands in.
    """
    prepared = prepare(Draft(kind, payload, subject_type, subject_id, actor, corr_id, at))
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, prepared.values)
    return prepared.as_entry()


def append_many(drafts: Iterable[Draft]) -> list[Prepared]:
    """Record several things in one statement; all or none. Raises as ``append`` does."""
    prepared = [prepare(draft) for draft in drafts]
    if prepared:
        text = orjson.dumps([entry.as_row() for entry in prepared]).decode()
        with connection.cursor() as cursor:
            cursor.execute(_INSERT_MANY, [text])
    return prepared
