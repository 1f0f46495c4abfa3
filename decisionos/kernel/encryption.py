"""Encryption at rest: AES-256-GCM envelopes.

Each value has a data key of its own; it is wrapped by a key-encryption key of the ring that the setting
``DOS_ENCRYPTION_KEYS`` names (``id:base64key``, comma separated, the first is current).
What must stay true: nothing works with a missing or malformed ring, and it says so; a ciphertext opens only
in the context (table and column) it was sealed for; rotating re-wraps the data key and never shows the text.

Layout: ``DOS1`` · length of the key's id · id · nonce 12 · wrapped data key 48 · nonce 12 · text and tag.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import FieldError
from django.db import models

from decisionos.kernel import errors

VARIABLE = "DOS_ENCRYPTION_KEYS"

_MAGIC = b"DOS1"
_NONCE, _KEY, _TAG = 12, 32, 16
_WRAPPED = _KEY + _TAG
_ID = re.compile(r"[A-Za-z0-9_.-]{1,40}")


class EncryptionUnavailable(errors.Unavailable):
    """There is no usable ring of keys: nothing is stored in clear instead."""

    code = "encryption_unavailable"
    title = "Encryption is not available"


class SealBroken(errors.Unavailable):
    """The ciphertext was changed, or belongs to another place or key."""

    code = "seal_broken"
    title = "The sealed value cannot be opened"


@dataclass(frozen=True, slots=True)
class Ring:
    """The key-encryption keys by id; new values use the current one."""

    current: str
    keys: dict[str, AESGCM]


def new_key(key_id: str) -> str:
    """Return a fresh ring entry ``id:base64key`` for the environment."""
    if not _ID.fullmatch(key_id):
        raise EncryptionUnavailable(f"{key_id!r} is not a key id: 1 to 40 of A-Z a-z 0-9 . _ -")
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(_KEY)).decode()}"


@functools.lru_cache(maxsize=8)
def parse_ring(raw: str) -> Ring:
    """Return the ring that the text describes; raises EncryptionUnavailable and never repeats a key."""
    keys: dict[str, AESGCM] = {}
    current = ""
    for position, item in enumerate(part.strip() for part in raw.split(",") if part.strip()):
        key_id, colon, text = item.partition(":")
        if not colon or not _ID.fullmatch(key_id):
            raise EncryptionUnavailable(f"{VARIABLE}: item {position + 1} must look like id:base64key.")
        try:
            key = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise EncryptionUnavailable(f"{VARIABLE}: the key {key_id!r} is not base64.") from error
        if len(key) != _KEY:
            raise EncryptionUnavailable(f"{VARIABLE}: the key {key_id!r} has {len(key)} bytes, not 32.")
        if len(set(key)) == 1:
            raise EncryptionUnavailable(f"{VARIABLE}: the key {key_id!r} is one repeated byte.")
        if key_id in keys:
            raise EncryptionUnavailable(f"{VARIABLE}: the key {key_id!r} is named twice.")
        keys[key_id] = AESGCM(key)
        current = current or key_id
    if not keys:
        raise EncryptionUnavailable(
            f"{VARIABLE} is not set: id:base64key, 32 random bytes, the first is current."
        )
    return Ring(current, keys)


def ring() -> Ring:
    """Return the ring in force; raises EncryptionUnavailable."""
    return parse_ring(getattr(settings, VARIABLE, "") or "")


@dataclass(frozen=True, slots=True)
class _Envelope:
    key_id: str
    wrap_nonce: bytes
    wrapped: bytes
    nonce: bytes
    text: bytes


def _header(key_id: str) -> bytes:
    return _MAGIC + bytes([len(key_id)]) + key_id.encode("ascii")


def _split(blob: bytes) -> _Envelope:
    if len(blob) < 5 or blob[:4] != _MAGIC:
        raise SealBroken("This is not a sealed value.")
    start = 5 + blob[4]
    body = blob[start:]
    if len(body) < 2 * _NONCE + _WRAPPED + _TAG:
        raise SealBroken("The sealed value is cut off.")
    cut = _NONCE + _WRAPPED
    try:
        key_id = blob[5:start].decode("ascii")
    except UnicodeDecodeError as error:
        raise SealBroken("The sealed value names no key.") from error
    return _Envelope(key_id, body[:_NONCE], body[_NONCE:cut], body[cut : cut + _NONCE], body[cut + _NONCE :])


def _wrap(keys: Ring, data_key: bytes, context: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    header = _header(keys.current)
    return header + nonce + keys.keys[keys.current].encrypt(nonce, data_key, header + b"|key|" + context)


def _unwrap(keys: Ring, envelope: _Envelope, context: bytes) -> bytes:
    wrapper = keys.keys.get(envelope.key_id)
    if wrapper is None:
        raise SealBroken(f"The key {envelope.key_id!r} is not in {VARIABLE}: add it behind the current one.")
    aad = _header(envelope.key_id) + b"|key|" + context
    try:
        return wrapper.decrypt(envelope.wrap_nonce, envelope.wrapped, aad)
    except InvalidTag as error:
        raise SealBroken("The sealed value was changed, or belongs elsewhere.") from error


def seal(plain: bytes, *, context: bytes) -> bytes:
    """Encrypt for one context; raises EncryptionUnavailable."""
    data_key = AESGCM.generate_key(bit_length=256)
    nonce = secrets.token_bytes(_NONCE)
    # The text is bound to the context and not to the wrapping key, so that rotation can re-wrap.
    return _wrap(ring(), data_key, context) + nonce + AESGCM(data_key).encrypt(nonce, plain, _MAGIC + context)


def open_sealed(blob: bytes, *, context: bytes) -> bytes:
    """Decrypt; raises SealBroken where anything differs, EncryptionUnavailable without a ring."""
    envelope = _split(bytes(blob))
    data_key = _unwrap(ring(), envelope, context)
    try:
        return AESGCM(data_key).decrypt(envelope.nonce, envelope.text, _MAGIC + context)
    except InvalidTag as error:
        raise SealBroken("The sealed value was changed, or belongs elsewhere.") from error


def opener(*, context: bytes, keys: Ring | None = None) -> Callable[[bytes], bytes]:
    """Return ``open_sealed`` for very many values of one context: what is the same in all is read once.

    The function raises SealBroken as ``open_sealed`` does. Raises EncryptionUnavailable without a ring.
    """
    held = keys or ring()
    known: dict[bytes, tuple[AESGCM, bytes]] = {}
    text_context, least = _MAGIC + context, 2 * _NONCE + _WRAPPED + _TAG

    def open_one(blob: bytes) -> bytes:
        start = 5 + blob[4] if len(blob) > 4 else 5
        found = known.get(blob[:start])
        if found is None:
            envelope = _split(blob)
            _unwrap(held, envelope, context)
            header = _header(envelope.key_id)
            found = known[header] = (held.keys[envelope.key_id], header + b"|key|" + context)
        if len(blob) - start < least:
            raise SealBroken("The sealed value is cut off.")
        wrapper, aad = found
        body = start + _NONCE + _WRAPPED
        try:
            data_key = wrapper.decrypt(blob[start : start + _NONCE], blob[start + _NONCE : body], aad)
            return AESGCM(data_key).decrypt(blob[body : body + _NONCE], blob[body + _NONCE :], text_context)
        except InvalidTag as error:
            raise SealBroken("The sealed value was changed, or belongs elsewhere.") from error

    return open_one


def key_id_of(blob: bytes) -> str:
    """Return which key-encryption key wraps the value."""
    return _split(bytes(blob)).key_id


def rewrap(blob: bytes, *, context: bytes) -> bytes:
    """Return the value under the current key, the text untouched; unchanged where it already is."""
    keys = ring()
    envelope = _split(bytes(blob))
    if envelope.key_id == keys.current:
        return bytes(blob)
    return _wrap(keys, _unwrap(keys, envelope, context), context) + envelope.nonce + envelope.text


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
