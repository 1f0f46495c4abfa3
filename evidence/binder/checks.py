"""The checks behind the first three controls: encryption, transport, roles; through the product's doors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from decisionos.kernel import encryption, ids
from decisionos.kernel.web.api import ApiView
from evidence.binder import production
from evidence.binder.failures import refused, require
from evidence.binder.scratch import scratch_tenant
from tenancy.access import services as access
from tenancy.access.enums import SubjectKind
from tenancy.privacy.models import Consent

LEAST_HSTS_SECONDS = 31_536_000


def encryption_at_rest() -> str:
    """Seal and open; refuse a changed value, another place, and every malformed ring."""
    secret = b"resident 900101-1234568"
    blob = encryption.seal(secret, context=b"check.value")
    require(secret not in blob, "the sealed value contains the text")
    require(encryption.open_sealed(blob, context=b"check.value") == secret, "a sealed value does not open")
    broken = (encryption.SealBroken,)
    changed = blob[:-1] + bytes([blob[-1] ^ 1])
    refused(lambda: encryption.open_sealed(changed, context=b"check.value"), broken, "a changed value opens")
    refused(
        lambda: encryption.open_sealed(blob, context=b"check.other"), broken, "a value opens in another place"
    )
    bad = ("", "k1", "k1:not-base64!", "k1:c2hvcnQ=", "k1:" + "A" * 43 + "=")
    for raw in bad:
        refused(
            lambda raw=raw: encryption.parse_ring(raw),  # type: ignore[misc]
            encryption.EncryptionUnavailable,
            "a malformed key is accepted",
        )
    ring = encryption.ring()
    return f"AES-256-GCM round trip, key {ring.current!r}; tampering and {len(bad)} bad keys refused"


def transport() -> str:
    """Read the production settings in a process of their own; look for a route without a permission."""
    require(production.read({}) is None, "production starts without its own secrets")
    found = production.read(production.secrets_for_a_try())
    require(found is not None, "production does not start with its secrets")
    found = found or {}
    for name in ("PRODUCTION", "SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY"):
        require(found.get(name) is True, f"{name} is not on in production")
    require(found.get("CSRF_COOKIE_SECURE") is True, "CSRF_COOKIE_SECURE is not on in production")
    require(
        found.get("SESSION_COOKIE_SAMESITE") in {"Strict", "Lax"}, "the session cookie travels across sites"
    )
    require(found.get("DEBUG") is False, "DEBUG is on in production")
    hsts = found.get("SECURE_HSTS_SECONDS")
    require(isinstance(hsts, int) and hsts >= LEAST_HSTS_SECONDS, "HSTS lasts less than a year in production")
    open_routes, guarded = [], 0
    for pattern, view in api_views():
        needed = view.required_permission
        values = set(needed.values()) if isinstance(needed, dict) else {needed}
        if values & {"public"}:
            open_routes.append(pattern)
        elif values and None not in values:
            guarded += 1
        else:
            require(False, f"the route {pattern} names no permission")
    require(guarded > 0, "no API route was found")
    shown = ", ".join(sorted(open_routes)) or "none"
    return (
        f"redirect, HSTS {hsts} s and cookie flags in production; {guarded} routes need a key; open: {shown}"
    )


def api_views() -> Iterator[tuple[str, type[ApiView]]]:
    """Return every API view with its pattern."""

    def walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, type[ApiView]]]:
        for item in patterns:
            if isinstance(item, URLResolver):
                yield from walk(item.url_patterns, prefix + str(item.pattern))
            elif isinstance(item, URLPattern):
                view = getattr(item.callback, "cls", None) or getattr(item.callback, "view_class", None)
                if isinstance(view, type) and issubclass(view, ApiView):
                    yield prefix + str(item.pattern), view

    yield from walk(get_resolver().url_patterns, "")


# role, permission, whether it may. The three tiers, at the places where they differ.
QUESTIONS: tuple[tuple[str, str, bool], ...] = (
    ("admin", "tenant.admin", True),
    ("admin", "decision.create", True),
    ("admin", "packs.enable", True),
    ("admin", "keys.rotate", False),
    ("agent", "decision.create", True),
    ("agent", "tenant.admin", False),
    ("agent", "packs.enable", False),
    ("agent", "ledger.export", False),
    ("agent", "keys.manage", False),
    ("auditor", "ledger.read", True),
    ("auditor", "ledger.export", True),
    ("auditor", "decision.read", True),
    ("auditor", "decision.create", False),
    ("auditor", "policy.write", False),
    ("auditor", "consent.manage", False),
    ("", "decision.read", False),
    ("superhero", "decision.read", False),
    ("admin", "no.such.permission", False),
)


def roles() -> str:
    """Ask the one question for every tier, for no role, for an unknown one, and across organizations."""
    with scratch_tenant() as tenant:
        for role, permission, expected in QUESTIONS:
            subject = access.Subject(kind=SubjectKind.KEY, id=ids.uuid7(), tenant_id=tenant, role=role)
            answer = access.is_allowed(subject, permission)
            verb = "may" if answer else "may not"
            require(answer is expected, f"{role or 'no role'} {verb} {permission}")
        admin = access.Subject(kind=SubjectKind.KEY, id=ids.uuid7(), tenant_id=tenant, role="admin")
        foreign = Consent(tenant_id=ids.uuid7())
        require(
            not access.is_allowed(admin, "consent.read", foreign), "an admin reaches another organization"
        )
    return (
        f"{len(QUESTIONS)} questions to the permission matrix and one across organizations, all as expected"
    )
