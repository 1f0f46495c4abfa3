"""An organization with the lending pack in force, and what it asks to be evaluated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from decisionos.kernel import clock
from decisionos.kernel.tenants import scope
from policy.decisions.backtests import services
from policy.decisions.contracts import document, selectors
from policy.decisions.contracts import services as contracts
from policy.decisions.models import Backtest, ContractVersion
from policy.rules import selectors as rules
from policy.rules.services import save_ruleset_version
from tests.policy.decisions.test_api import House

HEAD = "credit_score,dti,income_verified,label"
GOOD_ROWS = f"{HEAD}\n530,0.3,true,0\n720,0.3,true,1\n640,0.44,false,0\n"


@pytest.fixture
def house() -> House:
    """Return an organization with two more versions of its contract: one decides alike, one is stricter."""
    made = House()
    with scope.tenant_scope(made.tenant):
        first = ContractVersion.objects.get(name="lending")
        value = selectors.document_of(first).as_json()
        checked = {**value, "version": "1.1.0", "checklist": {"review": ["identity"]}}
        contracts.save_contract(value=document.parse(checked), actor="t")
        source = rules.get_version(name="lending", version=value["rulesets"][0]["version"]).source
        save_ruleset_version(source=source.replace("< 550", "< 650"), version="9.0.0")
        strict = [{"name": "lending", "version": "9.0.0"}, *value["rulesets"][1:]]
        stricter = {**value, "version": "1.2.0", "rulesets": strict}
        contracts.save_contract(value=document.parse(stricter), actor="t")
    return made


@pytest.fixture
def ask(house: House) -> Callable[..., Backtest]:
    """Return a function that asks for an evaluation of a CSV text."""

    def asked(text: str | bytes = GOOD_ROWS, **more: Any) -> Backtest:
        content = text.encode() if isinstance(text, str) else text
        given = {"contract": "lending", "source": "csv", "content": content, "actor": "t", **more}
        with scope.tenant_scope(house.tenant):
            return services.request_backtest(**given)

    return asked


@pytest.fixture
def run(house: House) -> Callable[[Backtest], Backtest]:
    """Return a function that runs an evaluation as a worker does."""

    def ran(row: Backtest) -> Any:
        return services.run_backtest(tenant_id=house.tenant, backtest_id=row.id, now=clock.now())

    return ran


@pytest.fixture
def reread(house: House) -> Callable[[Backtest], Backtest]:
    """Return a function that reads an evaluation again."""

    def read(row: Backtest) -> Backtest:
        with scope.tenant_scope(house.tenant):
            return Backtest.objects.get(id=row.id)

    return read
