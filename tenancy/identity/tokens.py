"""Short-lived bearer tokens: signed claims (JWT, Ed25519 only) that stand for a key for fifteen minutes.

Signed with the kernel's key of the purpose ``tokens``, verified with joserfc under an explicit list of
algorithms. The key behind the token is looked up again at every use, so that revoking it ends its tokens.
"""

from __future__ import annotations

import base64
import functools
import json
import re
from datetime import datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from decisionos.kernel import errors, ids
from decisionos.kernel.keys import services as signing
from decisionos.kernel.keys.known import KnownKeys
from tenancy.identity import keys

PURPOSE = "tokens"
LIFETIME_SECONDS = 900
ALGORITHMS = ["Ed25519"]
_SEGMENTS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_known = KnownKeys(PURPOSE, remembered_seconds=keys.REMEMBERED_SECONDS)


class TokenInvalid(errors.Unauthenticated):
    """The token is malformed, expired, or not ours."""

    code = "token_invalid"
    title = "The token is not valid"


def forget() -> None:
    """Drop the remembered public keys."""
    _known.forget()


def _segment(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()


def issue_token(known: keys.KnownKey, *, now: datetime) -> str:
    """Return a token for a recognised key."""
    signer = signing.signer(PURPOSE)
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
    content = f"{_segment({'alg': 'Ed25519', 'typ': 'JWT', 'kid': signer.kid})}.{_segment(claims)}"
    signature = signer.sign(content.encode())
    return f"{content}.{base64.urlsafe_b64encode(signature.value).rstrip(b'=').decode()}"


def authenticate_token(token: str, *, now: datetime) -> keys.KnownKey:
    """Recognise the key behind a token; raises TokenInvalid, KeyUnknown."""
    # Padding and stray characters are refused before a library may be lenient about them.
    if not _SEGMENTS.fullmatch(token):
        raise TokenInvalid("The token does not have three base64url segments.")
    try:
        decoded = jwt.decode(token, _key_set(token), algorithms=ALGORITHMS)
    except (JoseError, ValueError, KeyError) as error:
        raise TokenInvalid("The signature does not verify.") from error
    claims = decoded.claims
    if not isinstance(claims.get("exp"), int) or claims["exp"] <= now.timestamp():
        raise TokenInvalid("The token has expired.")
    if claims.get("iss") != "decisionos" or not isinstance(claims.get("pfx"), str):
        raise TokenInvalid("The token was not issued here.")
    return keys.get_known(claims["pfx"], now=now)


def _key_set(token: str) -> KeySet:
    """Return the key that the token's header names; raises ValueError where it names none of ours."""
    segment = token.split(".", 1)[0]
    header = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    kid = header.get("kid") if isinstance(header, dict) else None
    key = _known.find(kid) if isinstance(kid, str) else None
    if key is None:
        raise ValueError("the token names no key of ours")
    return _set_of(key)


@functools.lru_cache(maxsize=64)
def _set_of(key: signing.PublicKey) -> KeySet:
    return KeySet.import_key_set({"keys": [key.jwk()]})  # type: ignore[arg-type, list-item]
