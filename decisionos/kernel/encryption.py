"""Encryption at rest: AES-256-GCM envelopes.

Each value is sealed by a data key, under a random nonce of its own; the data key lies beside it, wrapped by a
key-encryption key of the ring that the setting ``DOS_ENCRYPTION_KEYS`` names (``id:base64key``, comma
separated, the first is current). One process uses a data key for values of one context, for a minute and for
1,024 values at most: far below the 2**32 that NIST SP 800-38D (8.3) allows for random nonces.
What must stay true: nothing works with a missing or malformed ring, and it says so; a ciphertext opens only
in the context (table and column) it was sealed for; rotating re-wraps the data key and never shows the text.
The format is that of ``envelopes``.
"""

from __future__ import annotations

import itertools
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import FieldError
from django.db import models

from decisionos.kernel import envelopes
from decisionos.kernel.envelopes import (
    VARIABLE,
    EncryptionUnavailable,
    Ring,
    SealBroken,
    new_key,
    parse_ring,
)

__all__ = [
    "VARIABLE",
    "EncryptedJSONField",
    "EncryptedTextField",
    "EncryptionUnavailable",
    "Ring",
    "SealBroken",
    "key_id_of",
    "new_key",
    "open_sealed",
    "opener",
    "parse_ring",
    "rewrap",
    "ring",
    "seal",
]

VALUES_PER_KEY, SECONDS_PER_KEY, MOST_IN_USE = 1_024, 60.0, 1_000


def ring() -> Ring:
    """Return the ring in force; raises EncryptionUnavailable."""
    return parse_ring(getattr(settings, VARIABLE, "") or "")


def _wrap(keys: Ring, data_key: bytes, context: bytes) -> bytes:
    nonce = secrets.token_bytes(envelopes.NONCE)
    header = envelopes.header_of(keys.current)
    return header + nonce + keys.keys[keys.current].encrypt(nonce, data_key, header + b"|key|" + context)


@dataclass(slots=True)
class _DataKey:
    """A data key in use: under which ring, how it is wrapped, and until when it may be used."""

    ring: Ring
    cipher: AESGCM
    wrapped: bytes
    uses: itertools.count[int]
    until: float


_in_use: dict[bytes, _DataKey] = {}


def _data_key(context: bytes) -> _DataKey:
    keys = ring()
    known = _in_use.get(context)
    if (
        known is None
        or known.ring is not keys
        or next(known.uses) >= VALUES_PER_KEY
        or time.monotonic() > known.until
    ):
        data_key = AESGCM.generate_key(bit_length=256)
        known = _DataKey(
            keys,
            AESGCM(data_key),
            _wrap(keys, data_key, context),
            itertools.count(1),
            time.monotonic() + SECONDS_PER_KEY,
        )
        if len(_in_use) > MOST_IN_USE:
            _in_use.clear()
        _in_use[context] = known
    return known


def seal(plain: bytes, *, context: bytes) -> bytes:
    """Encrypt for one context; raises EncryptionUnavailable."""
    key = _data_key(context)
    nonce = secrets.token_bytes(envelopes.NONCE)
    # The text is bound to the context and not to the wrapping key, so that rotation can re-wrap.
    return key.wrapped + nonce + key.cipher.encrypt(nonce, plain, envelopes.MAGIC + context)


def open_sealed(blob: bytes, *, context: bytes) -> bytes:
    """Decrypt; raises SealBroken where anything differs, EncryptionUnavailable without a ring."""
    envelope = envelopes.split(bytes(blob))
    data_key = envelopes.unwrap(ring(), envelope, context)
    try:
        return AESGCM(data_key).decrypt(envelope.nonce, envelope.text, envelopes.MAGIC + context)
    except InvalidTag as error:
        raise SealBroken("The sealed value was changed, or belongs elsewhere.") from error


def opener(*, context: bytes) -> Callable[[bytes], bytes]:
    """Return ``open_sealed`` for very many values of one context; raises EncryptionUnavailable."""
    return envelopes.opener(context=context, keys=ring())


def key_id_of(blob: bytes) -> str:
    """Return which key-encryption key wraps the value."""
    return envelopes.split(bytes(blob)).key_id


def rewrap(blob: bytes, *, context: bytes) -> bytes:
    """Return the value under the current key, the text untouched; unchanged where it already is."""
    keys = ring()
    envelope = envelopes.split(bytes(blob))
    if envelope.key_id == keys.current:
        return bytes(blob)
    return _wrap(keys, envelopes.unwrap(keys, envelope, context), context) + envelope.nonce + envelope.text


if TYPE_CHECKING:
    _FieldBase = models.Field[Any, Any]
else:
    _FieldBase = models.Field


class _EncryptedField(_FieldBase):
    """A bytea column that holds sealed values, bound to its table and column. It cannot be searched."""

    empty_strings_allowed = False

    def get_internal_type(self) -> str:
        """Return the column type's name."""
        return "BinaryField"

    @property
    def context(self) -> bytes:
        """Return what the ciphertext is bound to."""
        return f"{self.model._meta.db_table}.{self.column}".encode()

    def get_lookup(self, lookup_name: str) -> Any:
        """Allow the question whether there is a value, and nothing else."""
        if lookup_name == "isnull":
            return super().get_lookup(lookup_name)
        raise FieldError(f"{self.name} is encrypted: it cannot be compared in the database.")

    def _dump(self, value: Any) -> bytes:
        raise NotImplementedError

    def _load(self, plain: bytes) -> Any:
        raise NotImplementedError

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Seal on the way into the database."""
        if value is None:
            return None
        return connection.Database.Binary(seal(self._dump(value), context=self.context))

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Open on the way out."""
        return None if value is None else self._load(open_sealed(bytes(value), context=self.context))


class EncryptedTextField(_EncryptedField):
    """Text, sealed at rest."""

    description = "Encrypted text"

    def _dump(self, value: Any) -> bytes:
        return str(value).encode()

    def _load(self, plain: bytes) -> str:
        return plain.decode()


class EncryptedJSONField(_EncryptedField):
    """A JSON value, sealed at rest."""

    description = "Encrypted JSON"

    def _dump(self, value: Any) -> bytes:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()

    def _load(self, plain: bytes) -> Any:
        return json.loads(plain)
