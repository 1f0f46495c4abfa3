"""The format of sealed values, and the opening of very many of them; needs no settings and no framework.

``encryption`` seals and opens with the ring of the installation; a process that only reads in bulk uses this.
Layout: ``DOS1`` · length of the key's id · id · nonce 12 · wrapped data key 48 · nonce 12 · text and tag.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from decisionos.kernel import errors

VARIABLE = "DOS_ENCRYPTION_KEYS"

MAGIC = b"DOS1"
NONCE, KEY, TAG = 12, 32, 16
WRAPPED = KEY + TAG
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
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(KEY)).decode()}"


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
        if len(key) != KEY:
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


@dataclass(frozen=True, slots=True)
class Envelope:
    key_id: str
    wrap_nonce: bytes
    wrapped: bytes
    nonce: bytes
    text: bytes


def header_of(key_id: str) -> bytes:
    return MAGIC + bytes([len(key_id)]) + key_id.encode("ascii")


def split(blob: bytes) -> Envelope:
    if len(blob) < 5 or blob[:4] != MAGIC:
        raise SealBroken("This is not a sealed value.")
    start = 5 + blob[4]
    body = blob[start:]
    if len(body) < 2 * NONCE + WRAPPED + TAG:
        raise SealBroken("The sealed value is cut off.")
    cut = NONCE + WRAPPED
    try:
        key_id = blob[5:start].decode("ascii")
    except UnicodeDecodeError as error:
        raise SealBroken("The sealed value names no key.") from error
    return Envelope(key_id, body[:NONCE], body[NONCE:cut], body[cut : cut + NONCE], body[cut + NONCE :])


def unwrap(keys: Ring, envelope: Envelope, context: bytes) -> bytes:
    wrapper = keys.keys.get(envelope.key_id)
    if wrapper is None:
        raise SealBroken(f"The key {envelope.key_id!r} is not in {VARIABLE}: add it behind the current one.")
    aad = header_of(envelope.key_id) + b"|key|" + context
    try:
        return wrapper.decrypt(envelope.wrap_nonce, envelope.wrapped, aad)
    except InvalidTag as error:
        raise SealBroken("The sealed value was changed, or belongs elsewhere.") from error


def opener(*, context: bytes, keys: Ring) -> Callable[[bytes], bytes]:
    """Return ``open_sealed`` for very many values of one context: what is the same in all is read once.

    The function raises SealBroken as ``open_sealed`` does.
    """
    known: dict[bytes, tuple[AESGCM, bytes]] = {}
    # Values that were sealed with one data key, one after the other, need it opened once.
    last: tuple[bytes, AESGCM] | None = None
    text_context, least = MAGIC + context, 2 * NONCE + WRAPPED + TAG

    def open_one(blob: bytes) -> bytes:
        nonlocal last
        start = 5 + blob[4] if len(blob) > 4 else 5
        found = known.get(blob[:start])
        if found is None:
            envelope = split(blob)
            unwrap(keys, envelope, context)
            header = header_of(envelope.key_id)
            found = known[header] = (keys.keys[envelope.key_id], header + b"|key|" + context)
        if len(blob) - start < least:
            raise SealBroken("The sealed value is cut off.")
        wrapper, aad = found
        body = start + NONCE + WRAPPED
        try:
            if last is None or last[0] != blob[:body]:
                data_key = wrapper.decrypt(blob[start : start + NONCE], blob[start + NONCE : body], aad)
                last = (blob[:body], AESGCM(data_key))
            return last[1].decrypt(blob[body : body + NONCE], blob[body + NONCE :], text_context)
        except InvalidTag as error:
            raise SealBroken("The sealed value was changed, or belongs elsewhere.") from error

    return open_one
