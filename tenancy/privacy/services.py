"""Grant, revoke, ask, destroy. A person is known by a keyed hash of the reference the customer uses."""

from __future__ import annotations

import re
import uuid
from datetime import datetime

from django.db import connection

from decisionos.kernel import clock, errors
from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.tenants import scope
from tenancy.privacy import references
from tenancy.privacy.models import Consent

_PURPOSE = re.compile(r"[a-z][a-z0-9_.-]{0,59}")


class ConsentInvalid(errors.Invalid):
    """A field of a consent is not acceptable."""

    code = "consent_invalid"
    title = "The consent is not acceptable"


class ConsentMissing(errors.Denied):
    """The person has not agreed to this purpose, or no longer."""

    code = "consent_missing"
    title = "There is no consent for this purpose"
    exit_code = 2


class ConsentNotFound(errors.NotFound):
    """There is no standing consent to revoke."""

    code = "consent_not_found"
    title = "No such consent"


def hash_subject(reference: str) -> str:
    """Return by what the organization in force knows a person."""
    return references.reference_of(scope.require(), reference)


def _check(subject: str, purpose: str, expires_at: datetime | None, now: datetime) -> None:
    problems = []
    if not subject.strip() or len(subject) > 200:
        problems.append({"pointer": "/subject", "message": "1 to 200 characters"})
    if not _PURPOSE.fullmatch(purpose):
        problems.append({"pointer": "/purpose", "message": "lower-case letters, digits, _ . - (at most 60)"})
    if expires_at is not None and expires_at <= now:
        problems.append({"pointer": "/expires_at", "message": "must lie in the future"})
    if problems:
        raise ConsentInvalid("The consent is not acceptable.", errors=problems)


def grant_consent(
    *,
    subject: str,
    purpose: str,
    scope_text: str = "",
    evidence: str | None = None,
    expires_at: datetime | None = None,
    now: datetime | None = None,
) -> Consent:
    """Record that a person agreed; a second grant for the same purpose renews the expiry.

    Raises ConsentInvalid. Safe to retry: one standing consent for each person and purpose.
    """
    moment = now or clock.now()
    _check(subject, purpose, expires_at, moment)
    hashed = hash_subject(subject)
    with connection.cursor() as cursor:
        # Two grants at once: one after the other, so that both see one standing row.
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{scope.require()}:{hashed}:{purpose}"]
        )
    consent = Consent.objects.filter(subject_hash=hashed, purpose=purpose, revoked_at__isnull=True).first()
    if consent is None:
        consent = Consent(subject_hash=hashed, purpose=purpose, granted_at=moment)
    elif consent.expires_at is not None and consent.expires_at <= moment:
        consent.granted_at = moment
    consent.scope, consent.expires_at = scope_text, expires_at
    if evidence is not None:
        consent.evidence = evidence
    consent.save()
    ledger.append(
        kind="consent.granted",
        payload={
            "subject": hashed,
            "purpose": purpose,
            "expires_at": expires_at.isoformat() if expires_at else None,
        },
        subject_type="consent",
        subject_id=str(consent.id),
    )
    return consent


def revoke_consent(*, subject: str, purpose: str, now: datetime | None = None) -> Consent:
    """End a consent from this moment; raises ConsentNotFound."""
    consent = (
        Consent.objects.select_for_update()
        .filter(subject_hash=hash_subject(subject), purpose=purpose, revoked_at__isnull=True)
        .first()
    )
    if consent is None:
        raise ConsentNotFound("No standing consent of this person for this purpose.")
    consent.revoked_at = now or clock.now()
    consent.save(update_fields=["revoked_at"])
    ledger.append(
        kind="consent.revoked",
        payload={"subject": consent.subject_hash, "purpose": purpose},
        subject_type="consent",
        subject_id=str(consent.id),
    )
    return consent


def destroy_evidence(*, subject: str, now: datetime | None = None) -> int:
    """Revoke every consent of a person and destroy its evidence; returns how many rows were cleared.

    The rows stay without the evidence, so that the register shows that there was one. Safe to repeat.
    """
    moment = now or clock.now()
    hashed = hash_subject(subject)
    rows = Consent.objects.filter(subject_hash=hashed, destroyed_at__isnull=True)
    rows.filter(revoked_at__isnull=True).update(revoked_at=moment)
    cleared = rows.update(evidence=None, scope="", destroyed_at=moment)
    ledger.append(
        kind="consent.destroyed",
        payload={"subject": hashed, "rows": cleared},
        subject_type="person",
        subject_id=hashed,
    )
    return cleared


def find_consent(*, subject: str, purpose: str, now: datetime) -> Consent | None:
    """Return the consent that stands at a moment, or None."""
    consent = (
        Consent.objects.filter(subject_hash=hash_subject(subject), purpose=purpose, revoked_at__isnull=True)
        .exclude(expires_at__lte=now)
        .first()
    )
    return consent if consent is not None and consent.granted_at <= now else None


def has_consent(*, subject: str, purpose: str, now: datetime) -> bool:
    """Return whether a person's consent to a purpose stands at a moment."""
    return find_consent(subject=subject, purpose=purpose, now=now) is not None


def require_consent(*, subject: str, purpose: str, now: datetime) -> uuid.UUID:
    """Return the id of the standing consent; raises ConsentMissing."""
    consent = find_consent(subject=subject, purpose=purpose, now=now)
    if consent is None:
        raise ConsentMissing(
            f"The person has not agreed to the purpose {purpose!r}.", extra={"purpose": purpose}
        )
    return consent.id
