"""Whether the sealer keeps up."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import OperationalError

from decisionos.kernel import clock
from decisionos.kernel.ledger import health, sealing, services
from decisionos.kernel.tenants import scope

ONE = uuid.UUID(int=1)


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
class TestFindLag:
    """What /readyz says of the sealer."""

    def test_is_none_while_nothing_is_late(self) -> None:
        with scope.tenant_scope(ONE):
            services.append(kind="test.fresh", payload={})
        assert health.find_lag() is None

    def test_names_what_is_late_until_it_is_sealed(self) -> None:
        with scope.tenant_scope(ONE):
            services.append(kind="test.old", payload={}, at=clock.now() - timedelta(minutes=1))
        assert health.find_lag() == "1 organizations wait for the sealer for over 10 s"
        sealing.seal_all()
        assert health.find_lag() is None

    def test_says_so_when_it_cannot_know(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*, age: float) -> list[uuid.UUID]:
            raise OperationalError("gone")

        monkeypatch.setattr(sealing, "waiting_tenants", refuse)
        assert health.find_lag() == "the sealer's state is not known: OperationalError"
