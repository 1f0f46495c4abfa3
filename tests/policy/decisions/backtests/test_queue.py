"""A run survives its broker and its worker: nothing is lost, done twice, or waits for ever."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import celery
import pytest
from django.db import OperationalError as DatabaseAway
from kombu.exceptions import OperationalError

from decisionos.kernel import clock
from decisionos.kernel.tenants import scope
from policy.decisions.backtests import engine, queue, services
from policy.decisions.backtests.tasks import run_backtest, sweep_backtests
from policy.decisions.models import Backtest
from tests.policy.decisions.test_api import House

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
Ask = Callable[..., Backtest]
Act = Callable[[Backtest], Backtest]


class Broker:
    """A broker that can be down, and what was sent through it."""

    def __init__(self) -> None:
        self.is_down = False
        self.sent: list[dict[str, Any]] = []

    def send_task(self, name: str, kwargs: dict[str, Any], **more: Any) -> None:
        if self.is_down:
            raise OperationalError("Connection refused")
        assert name == queue.TASK
        assert more["expires"] > 0
        self.sent.append(kwargs)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()
    monkeypatch.setattr(celery.current_app, "send_task", made.send_task)
    return made


class TestBroker:
    def test_is_asked_once_the_request_is_durable(self, broker: Broker, ask: Ask, reread: Act) -> None:
        row = ask()
        assert broker.sent == [{"tenant_id": str(row.tenant_id), "backtest_id": str(row.id)}]
        assert reread(row).dispatched_at is not None

    def test_that_is_down_leaves_the_run_waiting_and_says_so(
        self, broker: Broker, ask: Ask, reread: Act
    ) -> None:
        broker.is_down = True
        row = reread(ask())
        assert (row.state, row.error, row.dispatched_at) == ("queued", queue.UNREACHABLE, None)

    def test_that_returns_gets_what_waited(self, broker: Broker, ask: Ask, run: Act, reread: Act) -> None:
        broker.is_down = True
        row = ask()
        assert queue.sweep(now=clock.now()) == 1
        assert reread(row).state == "queued"
        broker.is_down = False
        assert sweep_backtests() == 1
        assert [item["backtest_id"] for item in broker.sent] == [str(row.id)]
        assert reread(row).error == ""
        run_backtest(**broker.sent[0])
        assert reread(row).state == "done"

    def test_is_asked_again_only_when_its_message_has_expired(self, broker: Broker, ask: Ask) -> None:
        ask()
        now = clock.now()
        assert queue.sweep(now=now) == 0
        assert queue.sweep(now=now + queue.AGAIN + timedelta(seconds=1)) == 1
        assert len(broker.sent) == 2


class TestClaim:
    def test_gives_a_run_to_one_worker_only(self, broker: Broker, house: House, ask: Ask) -> None:
        row, now = ask(), clock.now()
        given = [queue.claim(tenant_id=house.tenant, backtest_id=row.id, now=now) for _ in range(2)]
        assert given[0] is not None
        assert given[1] is None

    def test_leaves_what_is_over_or_unknown(self, broker: Broker, house: House, ask: Ask, run: Act) -> None:
        row = run(ask())
        for wanted in (row.id, uuid.uuid4()):
            assert queue.claim(tenant_id=house.tenant, backtest_id=wanted, now=clock.now()) is None

    def test_a_message_that_comes_twice_does_nothing_twice(
        self, broker: Broker, ask: Ask, run: Act, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row, real = ask(), engine.run
        calls = []

        def counted(*given: Any, **more: Any) -> engine.Evaluation:
            calls.append(1)
            return real(*given, **more)

        monkeypatch.setattr(engine, "run", counted)
        assert (run(row).state, run(row).state) == ("done", "done")
        assert len(calls) == 1


class TestDeadWorker:
    def dead(self, house: House, row: Backtest) -> None:
        """Claim a run as a worker does, and never be heard of again."""
        assert queue.claim(tenant_id=house.tenant, backtest_id=row.id, now=clock.now()) is not None

    def test_has_its_run_started_again(
        self, broker: Broker, house: House, ask: Ask, run: Act, reread: Act
    ) -> None:
        row = ask()
        self.dead(house, row)
        assert queue.sweep(now=clock.now() + queue.LEASE / 2) == 0
        assert queue.sweep(now=clock.now() + queue.LEASE * 2) == 1
        waiting = reread(row)
        assert waiting.state == "queued"
        assert len(broker.sent) == 2
        assert run(row).state == "done"
        assert reread(row).attempts == 2

    def test_loses_its_run_to_a_worker_that_was_woken_by_the_broker(
        self, broker: Broker, house: House, ask: Ask
    ) -> None:
        row = ask()
        self.dead(house, row)
        later = clock.now() + queue.LEASE * 2
        assert queue.claim(tenant_id=house.tenant, backtest_id=row.id, now=later) is not None

    def test_that_dies_again_and_again_fails_the_run_with_the_reason(
        self, broker: Broker, house: House, ask: Ask, reread: Act
    ) -> None:
        row = ask()
        for _ in range(queue.MOST_ATTEMPTS):
            self.dead(house, row)
            queue.sweep(now=clock.now() + queue.LEASE * 2)
        failed = reread(row)
        assert failed.state == "failed"
        assert "stopped 3 times" in failed.error
        assert failed.upload is None

    def test_cannot_write_when_it_comes_back(
        self, broker: Broker, house: House, ask: Ask, run: Act, reread: Act
    ) -> None:
        row = ask()
        token = queue.claim(tenant_id=house.tenant, backtest_id=row.id, now=clock.now())
        assert token is not None
        late = queue.Lease(house.tenant, row.id, token)
        queue.sweep(now=clock.now() + queue.LEASE * 2)
        with pytest.raises(queue.RunLost):
            late.write(state="done", report={"wrong": True})
        assert late.beat() is False
        assert run(row).state == "done"
        assert "wrong" not in (reread(row).report or {})


class TestLease:
    def test_beats_so_that_a_long_run_is_not_taken_for_dead(
        self, broker: Broker, house: House, ask: Ask, reread: Act
    ) -> None:
        row, early = ask(), clock.now() - queue.LEASE * 3
        token = queue.claim(tenant_id=house.tenant, backtest_id=row.id, now=early)
        assert token is not None
        assert queue.Lease(house.tenant, row.id, token).beat() is True
        assert queue.sweep(now=clock.now()) == 0
        assert reread(row).state == "running"

    def test_tells_progress_as_it_goes(
        self, broker: Broker, ask: Ask, run: Act, reread: Act, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row, seen, real = ask(), [], queue.Lease.progress

        def told(self: queue.Lease, percent: int) -> None:
            real(self, percent)
            seen.append(reread(row).progress)

        monkeypatch.setattr(queue.Lease, "progress", told)
        assert run(row).progress == 100
        assert seen == sorted(seen)
        assert len(set(seen)) >= 4


class TestCancel:
    def test_ends_a_run_that_waits_and_drops_its_rows(
        self, broker: Broker, house: House, ask: Ask, run: Act, reread: Act
    ) -> None:
        row = ask()
        with scope.tenant_scope(house.tenant):
            services.cancel_backtest(backtest_id=row.id, actor="user:a")
        assert run(row).state == "cancelled"
        assert (reread(row).upload, reread(row).error) == (None, "Cancelled by user:a.")

    def test_stops_a_run_at_its_next_step(
        self, broker: Broker, house: House, ask: Ask, run: Act, reread: Act, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row, real = ask(), engine.run

        def cancelled(*given: Any, **more: Any) -> engine.Evaluation:
            with scope.tenant_scope(house.tenant):
                services.cancel_backtest(backtest_id=row.id, actor="user:a")
            return real(*given, **more)

        monkeypatch.setattr(engine, "run", cancelled)
        assert run(row).state == "cancelled"
        assert reread(row).report is None

    def test_refuses_what_is_over(self, broker: Broker, house: House, ask: Ask, run: Act) -> None:
        row = run(ask())
        with scope.tenant_scope(house.tenant), pytest.raises(services.BacktestOver):
            services.cancel_backtest(backtest_id=row.id, actor="t")


class TestFailure:
    @pytest.mark.parametrize(
        ("error", "told"),
        [
            (MemoryError(), "not enough memory"),
            (ValueError("no such thing"), "no such thing"),
            (TypeError("secret"), "TypeError"),
        ],
    )
    def test_is_written_with_its_reason_and_drops_the_rows(
        self,
        broker: Broker,
        ask: Ask,
        run: Act,
        reread: Act,
        monkeypatch: pytest.MonkeyPatch,
        error: Exception,
        told: str,
    ) -> None:
        def fails(*_given: Any, **_more: Any) -> None:
            raise error

        monkeypatch.setattr(engine, "run", fails)
        row = run(ask())
        assert row.state == "failed"
        assert told in row.error
        assert "secret" not in row.error
        assert reread(row).upload is None

    def test_of_the_database_leaves_the_run_to_the_sweep(
        self, broker: Broker, ask: Ask, run: Act, reread: Act, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(*_given: Any, **_more: Any) -> None:
            raise DatabaseAway("gone")

        row = ask()
        monkeypatch.setattr(engine, "run", fails)
        with pytest.raises(DatabaseAway):
            run(row)
        monkeypatch.undo()
        assert reread(row).state == "running"
        assert queue.sweep(now=clock.now() + queue.LEASE * 2) == 1
        assert run(row).state == "done"


class TestDraft:
    def test_is_given_up_after_a_day(self, broker: Broker, ask: Ask, reread: Act) -> None:
        row = ask("Credit Score,DTI,Income Verified\n700,0.3,true\n", keep_draft=True)
        assert row.state == "draft"
        assert queue.sweep(now=clock.now()) == 0
        assert queue.sweep(now=clock.now() + queue.DRAFTS * 2) == 1
        assert (reread(row).state, reread(row).upload) == ("cancelled", None)
