"""Who runs an evaluation: handing it to a worker, the lease of the one that runs it, and what became of both.

What must stay true: the row in the database is the queue and the broker only wakes a worker, so a broker that
was down loses nothing; only the holder of the lease writes progress or a result; a run whose worker died is
started again a few times and then fails with the reason; a message that comes twice does nothing twice.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import celery
from django.db import connections, models, transaction
from kombu.exceptions import OperationalError

from decisionos.kernel import clock
from decisionos.kernel.tenants import scope
from policy.decisions.enums import BacktestState
from policy.decisions.models import Backtest

TASK = "policy.decisions.backtests.tasks.run_backtest"
LEASE, BEAT, AGAIN = timedelta(seconds=60), timedelta(seconds=10), timedelta(seconds=60)
DRAFTS = timedelta(hours=24)
MOST_ATTEMPTS, MOST_SWEPT = 3, 200
OPEN = (BacktestState.DRAFT, BacktestState.QUEUED, BacktestState.RUNNING)
UNREACHABLE = "The queue cannot be reached; the run starts when it is back."
_log = logging.getLogger("decisionos.error")


class RunLost(Exception):
    """The evaluation was cancelled, or another worker runs it: stop, and write nothing more."""


def dispatch(tenant_id: uuid.UUID, backtest_id: uuid.UUID, *, now: datetime.datetime) -> bool:
    """Wake a worker for a queued evaluation; say whether the broker took the message.

    Safe to repeat. Where the broker is down the row says so, and the sweep sends again.
    """
    kwargs = {"tenant_id": str(tenant_id), "backtest_id": str(backtest_id)}
    try:
        # An old message is worth nothing: the sweep sends a new one as long as the row waits.
        celery.current_app.send_task(TASK, kwargs=kwargs, expires=AGAIN.total_seconds())
    except (OperationalError, OSError) as error:
        _log.warning("backtest not dispatched: %s", error)
        values: dict[str, Any] = {"error": UNREACHABLE}
    else:
        values = {"error": "", "dispatched_at": now}
    with scope.tenant_scope(tenant_id):
        Backtest.objects.filter(id=backtest_id, state=BacktestState.QUEUED).update(**values)
    return "dispatched_at" in values


def dispatch_after_commit(row: Backtest) -> None:
    """Wake a worker once the transaction in force is durable; a failure never undoes it."""
    transaction.on_commit(lambda: dispatch(row.tenant_id, row.id, now=clock.now()), robust=True)


def _is_lost(row: Backtest, now: datetime.datetime) -> bool:
    seen = row.heartbeat_at or row.started_at
    return row.state == BacktestState.RUNNING and (seen is None or seen < now - LEASE)


def claim(*, tenant_id: uuid.UUID, backtest_id: uuid.UUID, now: datetime.datetime) -> uuid.UUID | None:
    """Take a queued evaluation, or one whose worker died; None where there is nothing to take."""
    with scope.tenant_scope(tenant_id):
        row = Backtest.objects.select_for_update().defer("upload", "report").filter(id=backtest_id).first()
        if row is None or not (row.state == BacktestState.QUEUED or _is_lost(row, now)):
            return None
        if row.attempts >= MOST_ATTEMPTS:
            _give_up(row, now)
            return None
        lease = uuid.uuid4()
        Backtest.objects.filter(id=backtest_id).update(
            state=BacktestState.RUNNING,
            lease=lease,
            attempts=models.F("attempts") + 1,
            started_at=now,
            heartbeat_at=now,
            progress=1,
            error="",
        )
        return lease


def _give_up(row: Backtest, now: datetime.datetime) -> None:
    told = f"The worker stopped {row.attempts} times while it ran this evaluation; it may need more memory."
    Backtest.objects.filter(id=row.id).update(
        state=BacktestState.FAILED, error=told, upload=None, lease=None, finished_at=now
    )


class Lease:
    """The right to write what becomes of one run."""

    def __init__(self, tenant_id: uuid.UUID, backtest_id: uuid.UUID, token: uuid.UUID) -> None:
        self.tenant_id, self.backtest_id, self.token = tenant_id, backtest_id, token
        self.is_lost = threading.Event()

    def write(self, **values: Any) -> None:
        """Write to the row; raises RunLost where the lease is not ours any more."""
        with scope.tenant_scope(self.tenant_id):
            mine = Backtest.objects.filter(
                id=self.backtest_id, lease=self.token, state=BacktestState.RUNNING
            ).update(**values)
        if not mine:
            self.is_lost.set()
            raise RunLost

    def progress(self, percent: int) -> None:
        """Tell how far the run is; raises RunLost."""
        if self.is_lost.is_set():
            raise RunLost
        self.write(progress=percent, heartbeat_at=clock.now())

    def beat(self) -> bool:
        """Say that the worker lives; False once the lease is lost."""
        try:
            self.write(heartbeat_at=clock.now())
        except RunLost:
            return False
        except Exception:  # noqa: BLE001  a database that is away for a moment must not end the run
            _log.exception("heartbeat of a backtest failed")
        return True

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Beat in the background while a block runs."""
        done = threading.Event()

        def keep() -> None:
            try:
                while not done.wait(BEAT.total_seconds()) and self.beat():
                    pass
            finally:
                connections.close_all()

        beating = threading.Thread(target=keep, name="backtest-heartbeat", daemon=True)
        beating.start()
        try:
            yield
        finally:
            done.set()
            beating.join()


def sweep(*, now: datetime.datetime) -> int:
    """Hand out what waits or lost its worker, over all organizations; return how many rows were touched."""
    waits = models.Q(state=BacktestState.QUEUED) & (
        models.Q(dispatched_at__isnull=True) | models.Q(dispatched_at__lt=now - AGAIN)
    )
    lost = models.Q(state=BacktestState.RUNNING) & (
        models.Q(heartbeat_at__isnull=True) | models.Q(heartbeat_at__lt=now - LEASE)
    )
    forgotten = models.Q(state=BacktestState.DRAFT, created_at__lt=now - DRAFTS)
    found = (
        Backtest.objects.using("platform")
        .filter(waits | lost | forgotten)
        .order_by("id")
        .values_list("tenant_id", "id")[:MOST_SWEPT]
    )
    return sum(_sweep(tenant_id, backtest_id, now) for tenant_id, backtest_id in list(found))


def _sweep(tenant_id: uuid.UUID, backtest_id: uuid.UUID, now: datetime.datetime) -> int:
    with scope.tenant_scope(tenant_id):
        row = (
            Backtest.objects.select_for_update(skip_locked=True)
            .defer("upload", "report")
            .filter(id=backtest_id)
            .first()
        )
        if row is None:
            return 0
        if row.state == BacktestState.DRAFT:
            told = "Nobody said within a day which column is which; upload the file again."
            Backtest.objects.filter(id=row.id).update(
                state=BacktestState.CANCELLED, error=told, upload=None, finished_at=now
            )
            return 1
        if _is_lost(row, now):
            if row.attempts >= MOST_ATTEMPTS:
                _give_up(row, now)
                return 1
            told = f"The worker stopped; started again (attempt {row.attempts + 1} of {MOST_ATTEMPTS})."
            Backtest.objects.filter(id=row.id).update(
                state=BacktestState.QUEUED, lease=None, progress=0, error=told, dispatched_at=None
            )
        elif row.state != BacktestState.QUEUED:
            return 0
    dispatch(tenant_id, backtest_id, now=now)
    return 1
