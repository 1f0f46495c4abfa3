"""Background work of offline evaluations."""

from __future__ import annotations

import uuid

from celery import shared_task

from decisionos.kernel import clock
from policy.decisions.backtests import queue, services


@shared_task(name=queue.TASK)  # type: ignore[untyped-decorator]
def run_backtest(*, tenant_id: str, backtest_id: str) -> None:
    """Run one evaluation. Idempotent: one that is finished, or that another worker holds, is left alone."""
    services.run_backtest(tenant_id=uuid.UUID(tenant_id), backtest_id=uuid.UUID(backtest_id), now=clock.now())


@shared_task(name="policy.decisions.backtests.tasks.sweep_backtests")  # type: ignore[untyped-decorator]
def sweep_backtests() -> int:
    """Hand out again what waits too long or lost its worker. Idempotent; several may run at once."""
    return queue.sweep(now=clock.now())
