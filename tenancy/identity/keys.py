"""Issue, revoke and recognise keys: ``dos_<prefix>_<secret>``.

The secret has 256 random bits, so a plain SHA-256 is enough at rest. Recognising a key happens before any
tenant is known: a narrow database function looks it up by its prefix and returns nothing else. Answers are
remembered for a few seconds, which bounds how long a revoked key still works.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from decisionos.kernel import clock, errors
from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.tenants import scope
from tenancy.identity.enums import KeyKind
from tenancy.identity.models import ApiKey, User

REMEMBERED_SECONDS = 3.0
_FORMAT = re.compile(r"dos_([a-z0-9]{8})_([A-Za-z0-9_-]{43})")
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


class KeyUnknown(errors.Unauthenticated):
    """The key is not one of ours, or no longer."""

    code = "key_invalid"
    title = "The API key is not valid"


class KeyNotFound(errors.NotFound):
    """There is no such key in this organization."""

    code = "key_not_found"
    title = "No such API key"


@dataclass(frozen=True, slots=True)
class KnownKey:
    """What is known of a key that was recognised."""

    id: uuid.UUID
    prefix: str
    tenant_id: uuid.UUID
    tenant_slug: str
    tenant_active: bool
    kind: str
    name: str
    role: str
    scopes: tuple[str, ...]
    user_id: uuid.UUID | None
    project_id: uuid.UUID | None
    secret_hash: str
    expires_at: datetime | None
    revoked_at: datetime | None
    user_active: bool


_remembered: dict[str, tuple[float, KnownKey]] = {}
_used: dict[uuid.UUID, float] = {}
_lock = threading.Lock()


def forget() -> None:
    """Drop what is remembered; the next use of each key asks the database."""
    with _lock:
        _remembered.clear()
        _used.clear()


def hash_secret(raw: str) -> str:
    """Return what is stored of a key."""
    return hashlib.sha256(raw.encode()).hexdigest()


def issue_key(
    *,
    name: str,
    role: str,
    kind: KeyKind = KeyKind.SERVICE,
    scopes: list[str] | None = None,
    user: User | None = None,
    project_id: uuid.UUID | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Create a key in the organization in force; returns it with the secret, shown this once."""
    if not name.strip():
        raise errors.Invalid(
            "A key needs a name.", errors=[{"pointer": "/name", "message": "must not be empty"}]
        )
    if expires_at is not None and expires_at <= clock.now():
        raise errors.Invalid(
            "The expiry lies in the past.",
            errors=[{"pointer": "/expires_at", "message": "must lie in the future"}],
        )
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    raw = f"dos_{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        kind=kind,
        name=name.strip(),
        prefix=prefix,
        secret_hash=hash_secret(raw),
        role=role,
        scopes=sorted(set(scopes or [])),
        user=user,
        project_id=project_id,
        expires_at=expires_at,
    )
    ledger.append(
        kind="access.key_issued",
        payload={"prefix": prefix, "role": role, "kind": str(kind), "scopes": key.scopes},
        subject_type="api_key",
        subject_id=str(key.id),
    )
    return key, raw


def revoke_key(*, key_id: uuid.UUID, now: datetime | None = None) -> ApiKey:
    """End a key; raises KeyNotFound. Safe to repeat."""
    key = ApiKey.objects.select_for_update().filter(id=key_id).first()
    if key is None:
        raise KeyNotFound("No such key in this organization.")
    if key.revoked_at is None:
        key.revoked_at = now or clock.now()
        key.save(update_fields=["revoked_at"])
        with _lock:
            _remembered.pop(key.prefix, None)
        ledger.append(
            kind="access.key_revoked",
            payload={"prefix": key.prefix},
            subject_type="api_key",
            subject_id=str(key.id),
        )
    return key


def _look_up(prefix: str) -> KnownKey | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM tenancy_identity_find_key(%s)", [prefix])
        row = cursor.fetchone()
    if row is None:
        return None
    values = dict(zip(KnownKey.__slots__, row, strict=True))
    scopes = values["scopes"] if isinstance(values["scopes"], list) else json.loads(values["scopes"] or "[]")
    return KnownKey(**{**values, "scopes": tuple(scopes)})


def _recall(prefix: str) -> KnownKey:
    moment = time.monotonic()
    entry = _remembered.get(prefix)
    if entry is not None and moment - entry[0] <= REMEMBERED_SECONDS:
        return entry[1]
    known = _look_up(prefix)
    if known is None:
        raise KeyUnknown("The key is not known.")
    with _lock:
        if len(_remembered) > 10_000:
            _remembered.clear()
        _remembered[prefix] = (moment, known)
    return known


def get_known(prefix: str, *, now: datetime) -> KnownKey:
    """Return a key that is in force; raises KeyUnknown for one that is unknown, revoked or expired."""
    known = _recall(prefix)
    if known.revoked_at is not None or not known.user_active:
        raise KeyUnknown("The key was revoked.")
    if known.expires_at is not None and known.expires_at <= now:
        raise KeyUnknown("The key has expired.")
    return known


def authenticate_key(raw: str, *, now: datetime | None = None) -> KnownKey:
    """Recognise a key; raises KeyUnknown for one that is malformed, unknown, revoked or expired."""
    match = _FORMAT.fullmatch(raw)
    if match is None:
        raise KeyUnknown("The key does not have the form dos_…_….")
    if not hmac.compare_digest(hash_secret(raw), _recall(match[1]).secret_hash):
        raise KeyUnknown("The key is not known.")
    return get_known(match[1], now=now or clock.now())


def note_use(known: KnownKey, *, now: datetime) -> None:
    """Note that a key was used, at most once a minute for each process."""
    moment = time.monotonic()
    if moment - _used.get(known.id, -61.0) < 60:
        return
    _used[known.id] = moment
    with scope.tenant_scope(known.tenant_id):
        ApiKey.objects.filter(id=known.id).exclude(last_used_at__gt=now - timedelta(seconds=60)).update(
            last_used_at=now
        )
