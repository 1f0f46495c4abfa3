"""Background work of decisions."""

from __future__ import annotations

from celery import shared_task

from policy.decisions.statistics import folding


@shared_task(name="policy.decisions.tasks.fold_statistics")  # type: ignore[untyped-decorator]
def fold_statistics() -> int:
    """Count what was sealed since the last run. Idempotent, and safe to run several times at once."""
    return folding.fold_all()
