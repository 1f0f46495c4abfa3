"""Short-lived bearer tokens: signed claims (JWT, Ed25519 only) that stand for a key for fifteen minutes.

Signed with the kernel's key of the purpose ``tokens``, verified with joserfc under an explicit list of
algorithms. The key behind the token is looked up again at every use, so that revoking it ends its tokens.
"""

from __future__ import annotations

import base64
import json
import re
import time
from datetime import datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from decisionos.kernel import errors, ids
from decisionos.kernel.keys import services as signing
from tenancy.identity import keys

PURPOSE = "tokens"
LIFETIME_SECONDS = 900
ALGORITHMS = ["Ed25519"]
_SEGMENTS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_key_sets: dict[str, tuple[float, KeySet]] = {}


class TokenInvalid(errors.Unauthenticated):
    """The token is malformed, expired, or not ours."""

    code = "token_invalid"
    title = "The token is not valid"


def forget() -> None:
    """Drop the remembered public keys."""
    _key_sets.clear()


def _segment(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()


def issue_token(known: keys.KnownKey, *, now: datetime) -> str:
    """Return a token for a recognised key."""
    key = signing.ensure_key(PURPOSE)
    issued = int(now.timestamp())
    claims = {
        "iss": "decisionos",
        "sub": str(known.id),
        "tid": str(known.tenant_id),
        "pfx": known.prefix,
        "roles": [known.role],
        "iat": issued,
        "exp": issued + LIFETIME_SECONDS,
        "jti": ids.uuid7().hex,
    }
    content = f"{_segment({'alg': 'Ed25519', 'typ': 'JWT', 'kid': key.kid})}.{_segment(claims)}"
    signature = signing.sign(PURPOSE, content.encode())
    return f"{content}.{base64.urlsafe_b64encode(signature.value).rstrip(b'=').decode()}"


def authenticate_token(token: str, *, now: datetime) -> keys.KnownKey:
    """Recognise the key behind a token; raises TokenInvalid, KeyUnknown."""
    # Padding and stray characters are refused before a library may be lenient about them.
    if not _SEGMENTS.fullmatch(token):
        raise TokenInvalid("The token does not have three base64url segments.")
    try:
        decoded = jwt.decode(token, _key_set(), algorithms=ALGORITHMS)
    except (JoseError, ValueError, KeyError) as error:
        raise TokenInvalid("The signature does not verify.") from error
    claims = decoded.claims
    if not isinstance(claims.get("exp"), int) or claims["exp"] <= now.timestamp():
        raise TokenInvalid("The token has expired.")
    if claims.get("iss") != "decisionos" or not isinstance(claims.get("pfx"), str):
        raise TokenInvalid("The token was not issued here.")
    return keys.get_known(claims["pfx"], now=now)


def _key_set() -> KeySet:
    entry = _key_sets.get(PURPOSE)
    if entry is None or time.monotonic() - entry[0] > keys.REMEMBERED_SECONDS:
        entry = (time.monotonic(), KeySet.import_key_set(signing.jwks([PURPOSE])))  # type: ignore[arg-type]
        _key_sets[PURPOSE] = entry
    return entry[1]
