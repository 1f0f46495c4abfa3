"""Decisions to list and count: made by the product itself, at chosen moments."""

from __future__ import annotations

import datetime
import itertools
import random
import uuid
from typing import Any

import pytest

from decisionos.kernel.ledger import sealing
from decisionos.kernel.tenants import scope
from policy.decisions import demo, pipeline, services, web
from policy.decisions.contracts import cache
from policy.decisions.models import Decision
from policy.packs import services as packs
from tenancy.identity import keys
from tenancy.organizations import services as organizations
from tests.policy.lending import APPROVED, REJECTED, REVIEWED

_numbers = itertools.count(1)
NOON = datetime.datetime(2026, 11, 2, 12, tzinfo=datetime.UTC)


class Desk:
    """An organization with the lending pack, and a hand that decides at any moment of the past."""

    def __init__(self) -> None:
        cache.clear()
        web.forget()
        keys.forget()
        self.tenant: uuid.UUID = organizations.create_organization(
            slug=f"desk-{next(_numbers)}", name="Desk"
        ).id
        with scope.tenant_scope(self.tenant):
            pack = packs.import_pack(files=demo.bundled_pack(), actor="t", now=NOON)
            packs.activate_pack(name=pack.name, version=pack.version, actor="t", now=NOON)

    def decide(
        self,
        given: dict[str, Any],
        *,
        at: datetime.datetime = NOON,
        actor: str = "key:one",
        trace: str = "",
        **body: Any,
    ) -> uuid.UUID:
        """Decide one request at a moment; returns the decision's id."""
        caller = pipeline.Caller(self.tenant, actor, trace)
        asked = pipeline.read_request({"input": given, **body})
        answer = services.decide(contract="lending", asked=asked, caller=caller, now=at)
        return uuid.UUID(answer["decision_id"])

    def fill(self, count: int, *, hours: int = 6, seed: int = 1) -> list[uuid.UUID]:
        """Decide generated applications at moments spread over the hours before noon."""
        source = random.Random(seed)
        made = []
        for given in demo.applications(count, seed=seed):
            given = {name: value for name, value in given.items() if name != demo.LABEL}
            at = NOON - datetime.timedelta(seconds=source.randrange(hours * 3600))
            made.append(self.decide(given, at=at, actor=source.choice(["key:one", "key:two"])))
        return made

    def seal(self) -> None:
        """Number what was appended."""
        sealing.seal_pending(self.tenant)

    def rows(self) -> list[Decision]:
        """Return all decisions in the order of a list."""
        with scope.tenant_scope(self.tenant):
            return list(Decision.objects.order_by("-decided_at", "-id"))


@pytest.fixture
def desk() -> Desk:
    """An organization that decides."""
    return Desk()


GOLDEN = {"approve": APPROVED, "reject": REJECTED, "review": REVIEWED}
