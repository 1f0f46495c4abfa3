"""What a digest covers, how a chain grows, what a checkpoint's signature says. Pure functions.

What must stay true: these bytes never change. A reader with the standalone verifier must get the same ones.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from datetime import UTC, datetime
from typing import Any

from decisionos.kernel import canonical

GENESIS = "0" * 64
PURPOSE = "ledger"
MOST_PAYLOAD_BYTES = 1_000_000
KIND = re.compile(r"[a-z][a-z0-9_]{0,39}(?:\.[a-z0-9_]{1,40}){0,4}")


def instant(moment: datetime) -> str:
    """Return a moment as text: UTC, microseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def record(
    *,
    entry_id: uuid.UUID | str,
    tenant_id: uuid.UUID | str,
    occurred_at: str,
    kind: str,
    subject_type: str,
    subject_id: str,
    actor: str,
    corr_id: str,
    payload: Any,
) -> dict[str, Any]:
    """Return the object whose canonical bytes the digest covers."""
    return {
        "actor": actor,
        "at": occurred_at,
        "corr_id": corr_id,
        "id": str(entry_id),
        "kind": kind,
        "payload": payload,
        "subject_id": subject_id,
        "subject_type": subject_type,
        "tenant": str(tenant_id),
    }


def chain(prev: str, digest: str) -> str:
    """Return the hash after an entry: SHA-256 over the hash before it and the entry's digest."""
    return hashlib.sha256(bytes.fromhex(prev + digest)).hexdigest()


def checkpoint_statement(
    *, tenant_id: uuid.UUID | str, size: int, root: str, head: str, created_at: datetime
) -> bytes:
    """Return the bytes that a checkpoint's signature covers."""
    return canonical.encode(
        {"head": head, "root": root, "size": size, "tenant": str(tenant_id), "time": instant(created_at)}
    )
