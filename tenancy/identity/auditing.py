"""What a person does with their own account stands in the ledger of each of their organizations.

What somebody unknown tries (a wrong password) goes to the audit log only, whoever the account belongs to, so
that an account that exists answers no later than one that does not.
"""

from __future__ import annotations

import logging
from typing import Any

from decisionos.kernel import correlation
from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.tenants import scope
from tenancy.identity import services as identity
from tenancy.identity.models import User

_audit = logging.getLogger("decisionos.audit")


def note(user: User, kind: str, payload: dict[str, Any]) -> None:
    """Record an act of a person in their organizations, or in the one that is in force, and in the log."""
    log(kind, {**payload, "actor": f"user:{user.pk}"})
    present = scope.current()
    for place in identity.list_belongings(user.pk):
        if present is not None and place.tenant_id != present:
            continue
        with scope.tenant_scope(place.tenant_id):
            ledger.append(
                kind=kind,
                payload=payload,
                subject_type="user",
                subject_id=str(user.pk),
                actor=f"user:{user.pk}",
            )


def log(kind: str, payload: dict[str, Any]) -> None:
    """Write to the audit log."""
    _audit.info(kind, extra={**payload, "corr_id": correlation.current()})
