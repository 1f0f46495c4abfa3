"""The checks behind the last three controls: tokens and second factor, masking and export, consent."""

from __future__ import annotations

import base64
from datetime import timedelta

from django.db import connection
from django.urls import Resolver404, resolve
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from decisionos.kernel import clock, errors, ids
from decisionos.kernel import masking as masker
from decisionos.kernel.keys import services as signing
from decisionos.kernel.ledger.api import LedgerExportView
from evidence.binder.failures import refused, require
from evidence.binder.scratch import scratch_tenant
from tenancy.access import registry
from tenancy.identity import keys
from tenancy.identity import tokens as identity
from tenancy.identity.models import User
from tenancy.privacy import services as privacy
from tenancy.privacy.models import Consent

TOKEN_PATHS = ("/api/v1/oauth/token", "/oauth/token", "/api/v1/auth/token")


def token_path() -> str | None:
    """Return where tokens are issued over HTTP; None where nowhere."""
    for path in TOKEN_PATHS:
        try:
            resolve(path)
        except Resolver404:
            continue
        return path
    return None


def tokens() -> str:
    """Issue a token; refuse it changed, unsigned, expired and for an unknown key; try a second factor."""
    path = token_path()
    require(path is not None, f"there is no token endpoint at any of {', '.join(TOKEN_PATHS)}")
    now = clock.now()
    # Made outside what is rolled back: a verifier may remember the key.
    signing.ensure_key(identity.PURPOSE)
    with scratch_tenant() as tenant:
        known = keys.KnownKey(
            id=ids.uuid7(),
            prefix="00000000",
            tenant_id=tenant,
            tenant_slug="check",
            tenant_active=True,
            kind="service",
            name="check",
            role="agent",
            scopes=(),
            user_id=None,
            project_id=None,
            secret_hash="",
            expires_at=None,
            revoked_at=None,
            user_active=True,
        )
        token = identity.issue_token(known, now=now)
        head, claims, signature = token.split(".")
        unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
        late = now + timedelta(seconds=identity.LIFETIME_SECONDS + 1)
        flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
        bad = {
            "with another signature": (f"{head}.{claims}.{flipped}", now),
            "without a signature": (f"{unsigned}.{claims}.", now),
            "that has expired": (token, late),
            "of a key that does not exist": (token, now),
        }
        for what, (text, moment) in bad.items():
            refused(
                lambda text=text, moment=moment: identity.authenticate_token(text, now=moment),  # type: ignore[misc]
                errors.Unauthenticated,
                f"a token {what} is accepted",
            )
    second_factor()
    return (
        f"token endpoint {path}; {len(bad)} bad tokens refused; second factor accepts its code and no other"
    )


def second_factor() -> None:
    """Give a person a second factor; it takes its present code once, and no other. Rolled back."""
    with scratch_tenant():
        person = User.objects.create(email=f"{ids.uuid7().hex}@check.invalid")
        device = TOTPDevice.objects.create(user=person, name="check", confirmed=True)
        right = (
            f"{totp(device.bin_key, step=device.step, t0=device.t0, digits=device.digits):0{device.digits}d}"
        )
        wrong = f"{(int(right) + 1) % 10**device.digits:0{device.digits}d}"
        require(
            device.digits >= 6 and device.step <= 60, "the second factor is weaker than six digits a minute"
        )
        require(device.verify_token(right), "the second factor refuses its own code")
        require(not device.verify_token(right), "the second factor takes a code twice")
        require(not device.verify_token(wrong), "the second factor takes a wrong code")


SAMPLES: tuple[tuple[str, str], ...] = (
    ("resident number", "900101-1234568"),
    ("mobile number", "010-1234-5678"),
    ("e-mail address", "hong.gildong@company.co.kr"),
    ("card number", "4111 1111 1111 1111"),
)
LABELLED: tuple[tuple[str, str], ...] = (
    ("account_number", "110-234-567890"),
    ("phone", "02-123-4567"),
    ("password", "correct horse"),
)


def masking() -> str:
    """Mask samples by pattern and by label; ask who may export."""
    for what, value in SAMPLES:
        text = str(masker.mask_text(f"note: {value}, please"))
        require(value not in text, f"a {what} is not masked")
        require(text.startswith("note: "), "masking takes more than what is personal")
    masked = masker.mask_fields(dict(LABELLED) | {"dti": 0.3})
    for name, value in LABELLED:
        require(value not in str(masked[name]), f"a field {name} is not masked")
    require(masked["dti"] == 0.3, "masking changes an ordinary number")
    needed = LedgerExportView.required_permission
    require(needed == "ledger.export", "the export asks for no permission of its own")
    allowed = sorted(role for role, held in registry.ROLES.items() if "ledger.export" in held)
    require("agent" not in allowed and "read_only" not in allowed, "an agent may export")
    return f"{len(SAMPLES)} patterns and {len(LABELLED)} labels masked; export only for {', '.join(allowed)}"


SUBJECT, PURPOSE, DOCUMENT = "control-check-subject", "control_check", "signed paper, page 1"


def consent() -> str:
    """Grant, use, withdraw, let expire, destroy; look at the stored bytes between. Nothing of it stays."""
    with scratch_tenant():
        now = clock.now()

        def ask(moment: object = now) -> object:
            return privacy.require_consent(subject=SUBJECT, purpose=PURPOSE, now=moment)  # type: ignore[arg-type]

        refused(ask, errors.Denied, "a person who never agreed is taken as having agreed")
        privacy.grant_consent(
            subject=SUBJECT,
            purpose=PURPOSE,
            evidence=DOCUMENT,
            expires_at=now + timedelta(minutes=5),
            now=now,
        )
        _look_at_rest()
        ask()
        refused(
            lambda: privacy.require_consent(subject=SUBJECT, purpose="another_purpose", now=now),
            errors.Denied,
            "a consent holds for another purpose",
        )
        refused(lambda: ask(now + timedelta(minutes=6)), errors.Denied, "a consent holds after its end")
        privacy.revoke_consent(subject=SUBJECT, purpose=PURPOSE, now=now)
        refused(ask, errors.Denied, "a withdrawn consent still holds")
        privacy.destroy_evidence(subject=SUBJECT, now=now)
        left = [row.evidence for row in Consent.objects.filter(purpose=PURPOSE) if row.evidence]
        require(not left, "the evidence outlives its destruction")
    return "granted, bound to purpose and time, sealed at rest, withdrawn, destroyed; tried and rolled back"


def _look_at_rest() -> None:
    table, column = Consent._meta.db_table, Consent._meta.get_field("evidence").column
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT "{column}" FROM "{table}" WHERE purpose = %s',
            [PURPOSE],
        )
        stored = [bytes(value) for (value,) in cursor.fetchall() if value is not None]
    require(bool(stored), "the evidence was not stored")
    require(not any(DOCUMENT.encode() in value for value in stored), "the evidence is stored in clear")
