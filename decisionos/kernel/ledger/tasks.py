"""Sealing and verifying as tasks; idempotent, and safe to run several times at once."""

from __future__ import annotations

import uuid

from celery import shared_task

from decisionos.kernel.ledger import sealing, verifications


@shared_task(name="decisionos.kernel.ledger.tasks.seal_ledger")  # type: ignore[untyped-decorator]
def seal_ledger() -> int:
    """Seal what was appended since the last run."""
    return sealing.seal_all()


@shared_task(name=verifications.TASK)  # type: ignore[untyped-decorator]
def verify_ledger(*, tenant_id: str, run_id: str) -> None:
    """Verify one organization's chain. Idempotent: a finished run is left alone."""
    verifications.run_verification(tenant_id=uuid.UUID(tenant_id), run_id=uuid.UUID(run_id))
