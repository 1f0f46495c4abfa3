"""Begin and finish a write under a key, in the caller's transaction."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from django.db import connection
from rest_framework.renderers import JSONRenderer

from decisionos.kernel import clock, encryption, errors, ids
from decisionos.kernel.idempotency.models import SEALED_CONTEXT, Record
from decisionos.kernel.tenants import scope

MOST_CHARACTERS = 255


class KeyReused(errors.Conflict):
    """The key was used for another request."""

    code = "idempotency_key_reused"
    title = "This Idempotency-Key belongs to another request"


class KeyInvalid(errors.BadRequest):
    """The key is too long."""

    code = "idempotency_key_invalid"
    title = "The Idempotency-Key is not acceptable"


def fingerprint(route: str, body: bytes) -> str:
    """Return what identifies a request: its path and its exact body."""
    return hashlib.sha256(route.encode() + b"\n" + body).hexdigest()


def begin(*, key: str, fingerprint: str) -> Record | None:
    """Claim a key. Returns the finished record when the same request came before.

    A concurrent twin waits at the unique index until the first one commits. Raises KeyReused, KeyInvalid.
    """
    if not key or len(key) > MOST_CHARACTERS or not key.isprintable():
        raise KeyInvalid(f"One to {MOST_CHARACTERS} printable characters.")
    tenant = scope.require()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO kernel_idempotency_record (id, tenant_id, key, fingerprint, status, created_at)"
            " VALUES (%s, %s, %s, %s, 0, %s) ON CONFLICT (tenant_id, key) DO NOTHING",
            [ids.uuid7(), tenant, key, fingerprint, clock.now()],
        )
        if cursor.rowcount:
            return None
    record = Record.objects.get(tenant_id=tenant, key=key)
    if record.fingerprint != fingerprint:
        raise KeyReused("Use a new Idempotency-Key for a different request.")
    return record if record.status else None


def finish(*, key: str, status: int, body: Any) -> None:
    """Keep the answer, sealed."""
    plain = b"null" if body is None else JSONRenderer().render(body)
    sealed = base64.b64encode(encryption.seal(plain, context=SEALED_CONTEXT)).decode()
    found = Record.objects.filter(tenant_id=scope.require(), key=key)
    found.update(status=status, body={"sealed": sealed})
