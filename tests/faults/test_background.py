"""Redis, the sealer and the relay in trouble: decisions go on, and nothing is lost or done twice."""

from __future__ import annotations

import os
import signal

import pytest

from tests.faults.product import PATIENCE, Frozen, Product, until

pytestmark = pytest.mark.xdist_group("product")

WAITING = "SELECT count(*) FROM kernel_events_event WHERE relayed_at IS NULL"
UNSEALED = (
    "SELECT count(*) FROM kernel_ledger_entry e "
    "WHERE NOT EXISTS (SELECT 1 FROM kernel_ledger_seal s WHERE s.entry_id = e.id)"
)
EFFECTS = "SELECT payload ->> 'what' FROM kernel_ledger_entry WHERE kind = 'faults.effect' ORDER BY 1"


def background(product: Product) -> list[int]:
    """Worker and beat, with the worker's pool."""
    return product.children("celery")


def verifies(product: Product) -> None:
    """Assert that the chain holds."""
    found = product.call("/api/v1/ledger/verify", {}, role="auditor")
    assert found.status == 200, found
    assert found.body["first_broken"] is None


class TestRedis:
    """The broker."""

    def test_that_answers_nothing_stops_no_decision_and_events_wait_for_it(self, product: Product) -> None:
        until(lambda: product.count(WAITING) == 0, "an empty outbox")
        with Frozen(product.children("redis-server")):
            # What the worker had already taken is done within its round.
            until(lambda: product.decides() and product.count(WAITING) > 0, "an event that waits")
            for _ in range(5):
                assert product.decides()
            assert product.count(WAITING) >= 5
        until(lambda: product.count(WAITING) == 0, "the delivery of what waited")

    def test_that_is_killed_stops_no_decision_and_is_started_again(self, product: Product) -> None:
        for process in product.children("redis-server"):
            os.kill(process, signal.SIGKILL)
        assert product.decides()
        until(lambda: "Redis stopped" in product.output.read_text(), "the line about Redis")
        until(lambda: bool(product.children("redis-server")), "Redis' return")
        until(lambda: product.count(WAITING) == 0, "the delivery of what waited")


class TestSealer:
    """Who chains the entries."""

    def test_that_stands_still_stops_no_decision_and_is_told_as_degraded(self, product: Product) -> None:
        with Frozen(background(product)):
            assert product.decides()
            until(
                lambda: product.call("/readyz", method="GET").body.get("status") == "degraded",
                "the word that the sealer is late",
            )
            ready = product.call("/readyz", method="GET")
            assert ready.status == 200
            assert "sealer" in ready.body["degraded"]
            assert product.decides()
            assert product.count(UNSEALED) >= 2
        until(lambda: product.count(UNSEALED) == 0, "the seals")
        until(lambda: product.call("/readyz", method="GET").body["status"] == "ok", "a sealer in time")
        verifies(product)

    def test_does_not_fork_the_chain_where_several_run_at_once(self, product: Product) -> None:
        sealers = [product.spawn("-m", "tests.faults.acting", "seal") for _ in range(2)]
        marks = [product.folder / f"sealing-{sealer.pid}" for sealer in sealers]
        until(lambda: all(mark.exists() for mark in marks), "both sealers")
        batch = [
            {"input": {"credit_score": 600 + n, "dti": 0.3, "income_verified": True}} for n in range(100)
        ]
        for _ in range(10):
            assert product.call("/api/v1/decide/lending", batch[0]).status == 200
            assert product.decides()
        for sealer in sealers:
            sealer.send_signal(signal.SIGTERM)
            sealer.wait(30)
        counts = [int(mark.read_text() or 0) for mark in marks]
        until(lambda: product.count(UNSEALED) == 0, "the seals")
        assert sum(counts) >= 0
        doubled = "SELECT count(*) - count(DISTINCT (tenant_id, prev)) FROM kernel_ledger_seal"
        assert product.count(doubled) == 0
        verifies(product)


class TestWorker:
    """Who tells subscribers."""

    def test_that_is_killed_in_the_middle_of_an_effect_loses_none_and_repeats_none(
        self, product: Product
    ) -> None:
        until(lambda: product.count(WAITING) == 0, "an empty outbox")
        middle, gate = product.folder / "middle", product.folder / "gate"
        # The product's own worker stands still: it does not know the subscriber of this test.
        with Frozen(background(product)):
            published = product.run(
                "-m", "tests.faults.acting", "publish", product.ready["organization"]["id"]
            )
            assert published.returncode == 0, published.stderr
            worker = product.spawn(
                "-m", "celery", "-A", "tests.faults.acting", "worker",
                "-Q", "faults", "-c", "1", "--loglevel", "WARNING",
            )  # fmt: skip
            try:
                until(lambda: middle.exists() and bool(middle.read_text()), "the middle of an effect")
                gate.touch()
                victim = int(middle.read_text())
                assert victim != worker.pid
                os.kill(victim, signal.SIGKILL)
                until(lambda: product.count(WAITING) == 0, "the delivery of every event")
            finally:
                worker.send_signal(signal.SIGTERM)
                worker.wait(PATIENCE)
        assert [what for (what,) in product.query(EFFECTS)] == ["one", "three", "two"]
