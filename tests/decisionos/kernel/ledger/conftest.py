"""A chain to work on, and a hand that changes it as nobody may."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from django.conf import settings

from decisionos.kernel.ledger import sealing, services
from decisionos.kernel.ledger.services import Draft
from decisionos.kernel.tenants import scope

TENANT = uuid.UUID(int=7)


def fill(count: int, *, tenant: uuid.UUID = TENANT, start: int = 0) -> list[uuid.UUID]:
    """Append and seal entries; returns their ids in order."""
    with scope.tenant_scope(tenant):
        written = services.append_many(
            Draft("test.event", {"n": start + i, "share": 0.5, "text": "값"}, "thing", str(i))
            for i in range(count)
        )
    sealing.seal_pending(tenant)
    return [prepared.id for prepared in written]


@pytest.fixture
def owner() -> Iterator[psycopg.Connection]:
    """A connection of the tables' owner, within the tenant's policy."""
    with psycopg.connect(settings.DOS_OWNER_DSN, autocommit=True) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, false)", [str(TENANT)])
        yield connection
