"""Background work of decisions."""

from __future__ import annotations

import uuid

from celery import shared_task

from decisionos.kernel import clock
from policy.decisions.backtests import services
from policy.decisions.statistics import folding


@shared_task(name=services.TASK)  # type: ignore[untyped-decorator]
def run_backtest(*, tenant_id: str, backtest_id: str) -> None:
    """Run one evaluation. Idempotent: a finished one is left alone."""
    services.run_backtest(tenant_id=uuid.UUID(tenant_id), backtest_id=uuid.UUID(backtest_id), now=clock.now())


@shared_task(name="policy.decisions.tasks.fold_statistics")  # type: ignore[untyped-decorator]
def fold_statistics() -> int:
    """Count what was sealed since the last run. Idempotent, and safe to run several times at once."""
    return folding.fold_all()
