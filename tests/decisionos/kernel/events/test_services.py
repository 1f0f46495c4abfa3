"""The outbox: exactly what was committed is told, and told once to an effect."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from decisionos.kernel import clock
from decisionos.kernel.events import registry, services
from decisionos.kernel.events.models import Delivery, Event
from decisionos.kernel.tenants import scope

ONE, TWO = uuid.UUID(int=1), uuid.UUID(int=2)


@dataclass(frozen=True)
class Happened:
    """An event of these tests."""

    name: ClassVar[str] = "tests.happened"
    what: str


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Register one subscriber that writes down what it gets."""
    seen: list[Any] = []
    handler = lambda payload: seen.append((scope.require(), payload["what"]))  # noqa: E731
    monkeypatch.setitem(registry._subscribers, "tests.happened", {"tests.note": handler})
    yield seen


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
class TestRelay:
    """Delivery of what waits."""

    def test_tells_each_event_once_in_its_own_tenant(self, heard: list[Any]) -> None:
        for tenant, what in ((ONE, "a"), (TWO, "b")):
            with scope.tenant_scope(tenant):
                services.publish(Happened(what))
        assert services.relay() == 2
        assert services.relay() == 0
        assert heard == [(ONE, "a"), (TWO, "b")]

    def test_tells_nothing_of_a_transaction_that_was_rolled_back(self, heard: list[Any]) -> None:
        with pytest.raises(ValueError, match="no"), scope.tenant_scope(ONE):
            services.publish(Happened("never"))
            raise ValueError("no")
        assert services.relay() == 0
        assert heard == []

    def test_does_not_repeat_an_effect_when_the_note_of_the_relay_was_lost(self, heard: list[Any]) -> None:
        with scope.tenant_scope(ONE):
            services.publish(Happened("once"))
        services.relay()
        Event.objects.using("platform").update(relayed_at=None)
        assert services.relay() == 1
        assert heard == [(ONE, "once")]
        assert Delivery.objects.using("platform").count() == 1

    def test_tries_again_later_and_holds_up_no_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        calls: list[str] = []

        def fragile(payload: dict[str, Any]) -> None:
            calls.append(payload["what"])
            if payload["what"] == "bad" and len(calls) < 3:
                raise RuntimeError("down")

        monkeypatch.setitem(registry._subscribers, "tests.happened", {"tests.fragile": fragile})
        with scope.tenant_scope(ONE):
            services.publish(Happened("bad"))
            services.publish(Happened("good"))
        assert services.relay() == 1
        failed = Event.objects.using("platform").get(relayed_at=None)
        assert (failed.attempts, failed.last_error) == (1, "tests.fragile: down")
        assert services.relay() == 0
        assert services.relay(now=clock.now() + timedelta(hours=1)) == 1
        assert calls == ["bad", "good", "bad"]

    def test_needs_a_tenant_to_publish(self) -> None:
        with pytest.raises(scope.TenantRequired):
            services.publish(Happened("x"))
