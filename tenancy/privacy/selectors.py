"""Reads of the register. Consents of another organization are not seen, so they never count."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models

from decisionos.kernel.tenants import scope
from tenancy.privacy import services
from tenancy.privacy.models import Consent


def find_consent(*, subject: str, purpose: str, now: datetime) -> Consent | None:
    """Return the consent that stands at a moment, or None."""
    return services.find_consent(subject=subject, purpose=purpose, now=now)


def has_consent(*, subject: str, purpose: str, now: datetime) -> bool:
    """Return whether a person's consent to a purpose stands at a moment."""
    return services.has_consent(subject=subject, purpose=purpose, now=now)


def list_consents(*, subject: str = "", purpose: str = "") -> models.QuerySet[Consent]:
    """Return consents, of one person or of one purpose where given."""
    rows = Consent.objects.filter(tenant_id=scope.require())
    if subject:
        rows = rows.filter(subject_hash=services.hash_subject(subject))
    return rows.filter(purpose=purpose) if purpose else rows


def status_of(consent: Consent, *, now: datetime) -> str:
    """Return the state of a consent at a moment; at its end it has expired."""
    if consent.destroyed_at is not None:
        return "destroyed"
    if consent.revoked_at is not None:
        return "revoked"
    if consent.expires_at is not None and consent.expires_at <= now:
        return "expired"
    return "active"


def consent_json(consent: Consent, *, now: datetime, subject: str = "") -> dict[str, Any]:
    """Return a consent as it is answered; the person is named only to whoever named them."""
    return {
        "id": str(consent.id),
        "subject_id": subject or None,
        "subject_ref": consent.subject_hash,
        "purpose": consent.purpose,
        "scope": consent.scope.split(),
        "status": status_of(consent, now=now),
        "granted_at": consent.granted_at.isoformat(),
        "expires_at": consent.expires_at.isoformat() if consent.expires_at else None,
        "revoked_at": consent.revoked_at.isoformat() if consent.revoked_at else None,
    }
