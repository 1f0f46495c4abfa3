"""Sign, verify, rotate, publish. Keys are made when a purpose first signs.

What must stay true: verification needs only the public half; an unknown key verifies nothing.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.db import IntegrityError, transaction

from decisionos.kernel import clock, encryption, errors, ids
from decisionos.kernel.keys.enums import KeyState
from decisionos.kernel.keys.models import SigningKey


class KeyMissing(errors.NotFound):
    """There is no key of this id."""

    code = "signing_key_missing"
    title = "The signing key is not known"


@dataclass(frozen=True, slots=True)
class Signature:
    """The signature of some bytes, and the id of the key that made it."""

    kid: str
    value: bytes

    def text(self) -> str:
        """Return the signature in base64."""
        return base64.b64encode(self.value).decode()


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The half of a key that everybody may have."""

    kid: str
    purpose: str
    algorithm: str
    raw: bytes
    state: str

    def pem(self) -> str:
        """Return the key as PEM (SubjectPublicKeyInfo)."""
        key = Ed25519PublicKey.from_public_bytes(self.raw)
        return key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()

    def jwk(self) -> dict[str, str]:
        """Return the key as a JWK (RFC 8037), the algorithm by its name of RFC 9864."""
        coordinate = base64.urlsafe_b64encode(self.raw).rstrip(b"=").decode()
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": coordinate,
            "kid": self.kid,
            "use": "sig",
            "alg": "Ed25519",
        }


@functools.lru_cache(maxsize=64)
def _private(kid: str, text: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text))


def _create(purpose: str) -> SigningKey:
    private = Ed25519PrivateKey.generate()
    identifier = ids.uuid7()
    return SigningKey.objects.create(
        id=identifier,
        purpose=purpose,
        kid=f"{purpose}-{identifier.hex[:12]}{identifier.hex[-8:]}",
        public_key=base64.b64encode(private.public_key().public_bytes_raw()).decode(),
        private_key=base64.b64encode(private.private_bytes_raw()).decode(),
    )


def ensure_key(purpose: str) -> SigningKey:
    """Return the active key of a purpose, made where there is none; two callers at once get the same one."""
    found = SigningKey.objects.filter(purpose=purpose, state=KeyState.ACTIVE).first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            return _create(purpose)
    except IntegrityError:
        return SigningKey.objects.get(purpose=purpose, state=KeyState.ACTIVE)


@dataclass(frozen=True, slots=True)
class Signer:
    """The active key of a moment, for whoever must name the key in what is signed."""

    kid: str
    _key: Ed25519PrivateKey

    def sign(self, data: bytes) -> Signature:
        """Sign with this key, also after it was rotated."""
        return Signature(self.kid, self._key.sign(data))


def signer(purpose: str) -> Signer:
    """Return the active key of a purpose; raises EncryptionUnavailable where it cannot be opened."""
    key = ensure_key(purpose)
    return Signer(key.kid, _private(key.kid, key.private_key))


def sign(purpose: str, data: bytes) -> Signature:
    """Sign with the active key of a purpose; raises EncryptionUnavailable where it cannot be opened."""
    return signer(purpose).sign(data)


def get_public_key(kid: str) -> PublicKey:
    """Return one public key, retired ones included; raises KeyMissing."""
    row = (
        SigningKey.objects.filter(kid=kid)
        .values("kid", "purpose", "algorithm", "public_key", "state")
        .first()
    )
    if row is None:
        raise KeyMissing(f"No signing key is called {kid!r}.")
    return PublicKey(
        row["kid"], row["purpose"], row["algorithm"], base64.b64decode(row["public_key"]), row["state"]
    )


def public_keys(purpose: str | None = None) -> list[PublicKey]:
    """Return the public keys, oldest first; the private halves are not read."""
    rows = SigningKey.objects.order_by("created_at", "id")
    if purpose is not None:
        rows = rows.filter(purpose=purpose)
    return [
        PublicKey(
            row["kid"], row["purpose"], row["algorithm"], base64.b64decode(row["public_key"]), row["state"]
        )
        for row in rows.values("kid", "purpose", "algorithm", "public_key", "state")
    ]


def jwks(purposes: Sequence[str] | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return a JWK set (RFC 7517) of the public keys."""
    return {"keys": [key.jwk() for key in public_keys() if purposes is None or key.purpose in purposes]}


def has_signed(public: bytes, data: bytes, signature: bytes) -> bool:
    """Return whether the raw public key made this signature."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def verify(purpose: str, data: bytes, signature: Signature) -> bool:
    """Return whether a key of this purpose, active or retired, made the signature."""
    try:
        key = get_public_key(signature.kid)
    except KeyMissing:
        return False
    return key.purpose == purpose and has_signed(key.raw, data, signature.value)


def rotate_key(purpose: str, *, now: datetime | None = None) -> SigningKey:
    """Retire the active key and make a new one, in one transaction. What was signed stays verifiable."""
    with transaction.atomic():
        active = SigningKey.objects.select_for_update().filter(purpose=purpose, state=KeyState.ACTIVE)
        for key in active:
            key.state, key.retired_at = KeyState.RETIRED, now or clock.now()
            key.save(update_fields=["state", "retired_at"])
        return _create(purpose)


def rewrap_keys() -> int:
    """Seal every private key under the current encryption key; returns how many changed. Safe to repeat."""
    changed = 0
    current = encryption.ring().current
    with transaction.atomic():
        for key in SigningKey.objects.select_for_update().extra(select={"sealed": "private_key"}):
            if encryption.key_id_of(bytes(key.sealed)) != current:
                key.save(update_fields=["private_key"])
                changed += 1
    return changed
