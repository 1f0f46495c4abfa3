"""How a person is known inside an organization: a keyed hash of the customer's own reference to them.

The key is a secret of the organization (its pepper), made when it is first needed, sealed at rest by the
kernel's field encryption and kept in this process while it is in use.
What must stay true: a reference is the same in every process, before and after any rotation of the
installation's keys; two organizations never know one person by the same reference; only a pepper that is
committed is kept, so that a rolled-back transaction leaves no reference that nobody can compute again; once
an organization's pepper is shredded its references lead to nobody, and no new pepper takes its place.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import time
import uuid
from datetime import datetime

from django.db import connection

from decisionos.kernel import errors
from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.tenants import scope
from tenancy.privacy.models import ReferencePepper

REMEMBERED_SECONDS = 60.0
_peppers: dict[uuid.UUID, tuple[float, bytes]] = {}


class ReferencesShredded(errors.Denied):
    """The organization's persons were made unrecognisable for good."""

    code = "references_shredded"
    title = "The persons of this organization can no longer be recognised"


def reference_of(tenant_id: uuid.UUID, subject: str) -> str:
    """Return by what an organization knows a person; raises ReferencesShredded.

    64 hexadecimal digits, microseconds once the pepper is in this process.
    """
    entry = _peppers.get(tenant_id)
    if entry is None or time.monotonic() - entry[0] > REMEMBERED_SECONDS:
        pepper = _load(tenant_id)
    else:
        pepper = entry[1]
    return hmac.digest(pepper, subject.strip().encode(), "sha256").hex()


def forget() -> None:
    """Drop what this process remembers."""
    _peppers.clear()


def _load(tenant_id: uuid.UUID) -> bytes:
    """Return the pepper, made where there is none; two callers at once get the same one."""
    _peppers.pop(tenant_id, None)
    with scope.tenant_scope(tenant_id):
        row = _find(tenant_id) or _create(tenant_id)
        if row.secret is None:
            raise ReferencesShredded("The key to this organization's persons was destroyed.")
        pepper = base64.b64decode(row.secret)
        if row.created_in != _transaction():
            _peppers[tenant_id] = (time.monotonic(), pepper)
    return pepper


def _find(tenant_id: uuid.UUID) -> ReferencePepper | None:
    return ReferencePepper.objects.filter(tenant_id=tenant_id).first()


def _create(tenant_id: uuid.UUID) -> ReferencePepper:
    # The unique constraint makes a second writer wait for the first and then do nothing.
    made = ReferencePepper(
        tenant_id=tenant_id,
        secret=base64.b64encode(secrets.token_bytes(32)).decode(),
        created_in=_transaction(assign=True),
    )
    ReferencePepper.objects.bulk_create([made], ignore_conflicts=True)
    return ReferencePepper.objects.get(tenant_id=tenant_id)


def _transaction(*, assign: bool = False) -> int:
    """Return the number of the transaction in progress; -1 where it has written nothing."""
    function = "pg_current_xact_id" if assign else "pg_current_xact_id_if_assigned"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}()::text::bigint")
        found: int | None = cursor.fetchone()[0]
    return -1 if found is None else found


def shred(*, now: datetime) -> bool:
    """Destroy the pepper of the organization in force: every reference of it leads to nobody from then on.

    Other processes notice within a minute. Returns whether there was one to destroy. Safe to repeat.
    """
    tenant_id = scope.require()
    if _find(tenant_id) is None:
        # An organization that never named a person gets its tombstone too, so that none can appear later.
        _create(tenant_id)
    row = ReferencePepper.objects.select_for_update().get(tenant_id=tenant_id)
    _peppers.pop(tenant_id, None)
    if row.secret is None:
        return False
    row.secret, row.destroyed_at = None, now
    row.save(update_fields=["secret", "destroyed_at"])
    ledger.append(
        kind="privacy.references_shredded",
        payload={"tenant": str(tenant_id)},
        subject_type="organization",
        subject_id=str(tenant_id),
    )
    return True
