"""Sealing as a task; idempotent, and safe to run several times at once."""

from __future__ import annotations

from celery import shared_task

from decisionos.kernel.ledger import sealing


@shared_task(name="decisionos.kernel.ledger.tasks.seal_ledger")  # type: ignore[untyped-decorator]
def seal_ledger() -> int:
    """Seal what was appended since the last run."""
    return sealing.seal_all()
