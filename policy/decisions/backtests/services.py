"""Ask for an evaluation, run it in the background, rehearse a few rows at once.

What must stay true: uploaded rows are sealed while they wait and dropped when the run ends, however it
ends; a run is started again safely.
"""

from __future__ import annotations

import datetime
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import celery
import orjson
from django.db import transaction

from decisionos.kernel import encryption, errors
from decisionos.kernel.tenants import scope
from policy.decisions import pipeline, selectors
from policy.decisions.backtests import engine, sources
from policy.decisions.contracts import cache
from policy.decisions.contracts import selectors as contracts
from policy.decisions.contracts.compiled import Compiled
from policy.decisions.enums import BacktestState
from policy.decisions.models import Backtest, Decision

CONTEXT = b"policy_decisions_backtest.upload"
HISTORY = "history"
TASK = "policy.decisions.tasks.run_backtest"


@transaction.atomic
def request_backtest(
    *,
    contract: str,
    version: str = "",
    baseline: str = "",
    label_key: str = "",
    source: str,
    content: bytes | None = None,
    actor: str,
) -> Backtest:
    """Store an evaluation and hand it to a worker after commit.

    Raises ContractNotFound, SourceInvalid. ``source`` is csv, jsonl, parquet (with ``content``) or history.
    """
    if source not in (*sources.KINDS, HISTORY) or (source == HISTORY) != (content is None):
        raise sources.SourceInvalid("Send a file that ends in .csv, .jsonl or .parquet, or ask for history.")
    row = (
        contracts.get_contract(name=contract, version=version)
        if version
        else contracts.get_active(name=contract)
    )
    if baseline:
        contracts.get_contract(name=contract, version=baseline)
    made = Backtest.objects.create(
        contract=contract,
        version=row.version,
        baseline=baseline,
        source=source,
        label_key=label_key or row.label_key,
        upload=encryption.seal(content, context=CONTEXT) if content is not None else None,
        created_by=actor,
    )
    task = {"tenant_id": str(made.tenant_id), "backtest_id": str(made.id)}
    # A broker that is down must not undo the request: the evaluation stays queued and can be asked for again.
    transaction.on_commit(lambda: celery.current_app.send_task(TASK, kwargs=task), robust=True)
    return made


def list_backtests() -> Any:
    """Return the evaluations, newest first, without their rows."""
    return Backtest.objects.defer("upload", "report").order_by("-id")


def _compiled(contract: str, version: str) -> Compiled:
    return cache.compiled_of(contracts.get_contract(name=contract, version=version))


def _update(tenant_id: uuid.UUID, backtest_id: uuid.UUID, **values: Any) -> None:
    with scope.tenant_scope(tenant_id):
        Backtest.objects.filter(id=backtest_id).update(**values)


def run_backtest(*, tenant_id: uuid.UUID, backtest_id: uuid.UUID, now: datetime.datetime) -> Backtest:
    """Run one evaluation; safe to repeat, a finished one is left alone. Raises BacktestNotFound."""
    with scope.tenant_scope(tenant_id):
        row = selectors.get_backtest(backtest_id=backtest_id)
        if row.state in {BacktestState.DONE, BacktestState.FAILED}:
            return row
        Backtest.objects.filter(id=backtest_id).update(state=BacktestState.RUNNING, progress=1)
    try:
        report = _run(tenant_id, row)
    except (errors.DosError, OSError, ValueError, MemoryError) as error:
        failed = {"state": BacktestState.FAILED, "error": str(error)[:500] or type(error).__name__}
        _update(tenant_id, backtest_id, upload=None, finished_at=now, **failed)
    else:
        _update(
            tenant_id,
            backtest_id,
            state=BacktestState.DONE,
            progress=100,
            upload=None,
            report=report,
            finished_at=now,
        )
    with scope.tenant_scope(tenant_id):
        return selectors.get_backtest(backtest_id=backtest_id)


def _run(tenant_id: uuid.UUID, row: Backtest) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="dos-backtest-") as folder:
        with scope.tenant_scope(tenant_id):
            compiled = _compiled(row.contract, row.version)
            baseline = _compiled(row.contract, row.baseline) if row.baseline else None
            kind = "jsonl" if row.source == HISTORY else row.source
            path = Path(folder) / f"rows.{kind}"
            if row.source == HISTORY:
                write_history(path, contract=row.contract)
            else:
                sealed = Backtest.objects.values_list("upload", flat=True).get(id=row.id)
                path.write_bytes(encryption.open_sealed(bytes(sealed or b""), context=CONTEXT))
        _update(tenant_id, row.id, progress=20)
        return engine.evaluate(
            compiled,
            sources.Source(kind, path, row.source),
            label_key=row.label_key,
            baseline=baseline,
            progress=lambda percent: _update(tenant_id, row.id, progress=percent),
        )


def _history(contract: str) -> Iterator[bytes]:
    found = Decision.objects.filter(contract=contract).order_by("id").values_list("sealed", flat=True)
    for sealed in found.iterator(chunk_size=5_000):
        held = orjson.loads(encryption.open_sealed(bytes(sealed), context=pipeline.SEALED_CONTEXT))
        yield orjson.dumps(held["input"], option=orjson.OPT_APPEND_NEWLINE)


def write_history(path: Path, *, contract: str) -> None:
    """Write the inputs of every decision of a contract as JSON lines, in the scope in force."""
    with path.open("wb") as handle:
        handle.writelines(_history(contract))


def rehearse(*, contract: str, rows: list[Any], label_key: str = "") -> dict[str, Any]:
    """Return the report of the contract in force over rows in memory; nothing is stored."""
    compiled = cache.active(scope.require(), contract)
    with tempfile.TemporaryDirectory(prefix="dos-simulate-") as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_bytes(b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))
        source = sources.Source("jsonl", path, "request")
        chosen = "rows" if len(rows) <= 2_000 else "auto"
        return engine.evaluate(compiled, source, label_key=label_key, engine=chosen)
