"""Ask for an evaluation, run it in the background, look at it, compare it, rehearse a few rows at once.

What must stay true: uploaded rows are sealed while they wait and dropped when the run ends, however it
ends; a run is started again safely, and only the holder of its lease writes (see ``queue``).
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction

from decisionos.kernel import clock, encryption, errors
from decisionos.kernel.tenants import scope
from policy.decisions import selectors
from policy.decisions.backtests import (
    counting,
    downloads,
    engine,
    history,
    mapping,
    metrics,
    queue,
    sources,
    uploads,
)
from policy.decisions.contracts import cache
from policy.decisions.contracts import selectors as contracts
from policy.decisions.contracts.compiled import Compiled
from policy.decisions.enums import BacktestState
from policy.decisions.models import Backtest

CONTEXT = b"policy_decisions_backtest.upload"
HISTORY = "history"
HEAVY = ("upload", "report", "flips", "bad_rows")
_log = logging.getLogger("decisionos.error")


class BacktestOver(errors.Conflict):
    """The evaluation has ended already."""

    code = "backtest_over"
    title = "The evaluation is over"


class BacktestNotReady(errors.Conflict):
    """The evaluation has no report yet, or failed."""

    code = "backtest_not_ready"
    title = "There is no report yet"


@transaction.atomic
def request_backtest(
    *,
    contract: str,
    version: str = "",
    baseline: str = "",
    label_key: str = "",
    source: str,
    content: bytes | None = None,
    file_name: str = "",
    columns: Mapping[str, str] | None = None,
    segments: Sequence[str] | None = None,
    start: datetime.datetime | None = None,
    end: datetime.datetime | None = None,
    keep_draft: bool = False,
    actor: str,
) -> Backtest:
    """Store an evaluation and hand it to a worker after commit.

    ``source`` is csv, jsonl, parquet (with ``content``) or history (between ``start`` and ``end``);
    ``columns`` says which column is which field; ``segments`` names the fields to cut by, None for all. A
    file whose columns leave a doubt is refused with what is near, or kept as a draft until ``map_columns``.

    Raises ContractNotFound, SourceInvalid, MappingNeeded, TooLarge.
    """
    if source not in (*sources.KINDS, HISTORY) or (source == HISTORY) != (content is None):
        raise sources.SourceInvalid("Send a file that ends in .csv, .jsonl or .parquet, or ask for history.")
    if start is not None and end is not None and start >= end:
        raise sources.SourceInvalid("The window of the history ends before it begins.")
    row = (
        contracts.get_contract(name=contract, version=version)
        if version
        else contracts.get_active(name=contract)
    )
    if baseline:
        contracts.get_contract(name=contract, version=baseline)
    label, is_draft = label_key or row.label_key, False
    options: dict[str, Any] = {"segments": None if segments is None else list(segments)}
    if content is not None:
        content = uploads.accepted(source, content)
        found = mapping.offer(mapping.columns_of(source, content), row.input_schema, label, columns or {})
        is_draft = keep_draft and columns is None and found.is_doubtful
        if not is_draft:
            mapping.require(found)
        options |= {"mapping": dict(columns or {}), "offer": found.as_json()}
    options |= {name: at.isoformat() for name, at in (("start", start), ("end", end)) if at is not None}
    made = Backtest.objects.create(
        contract=contract,
        version=row.version,
        baseline=baseline,
        source=source,
        file_name=file_name[:200],
        label_key=label,
        options=options,
        state=BacktestState.DRAFT if is_draft else BacktestState.QUEUED,
        upload=encryption.seal(content, context=CONTEXT) if content is not None else None,
        created_by=actor,
    )
    if not is_draft:
        queue.dispatch_after_commit(made)
    return made


@transaction.atomic
def map_columns(*, backtest_id: uuid.UUID, columns: Mapping[str, str]) -> Backtest:
    """Say which column of a draft's file is which field, and hand it to a worker after commit.

    Raises BacktestNotFound, BacktestOver where it is no draft, MappingNeeded, SourceInvalid.
    """
    row = _locked(backtest_id)
    if row.state != BacktestState.DRAFT:
        raise BacktestOver("The columns of this evaluation are settled.")
    given = {name: column for name, column in columns.items() if column}
    stored = contracts.get_contract(name=row.contract, version=row.version)
    found = mapping.offer(row.options["offer"]["columns"], stored.input_schema, row.label_key, given)
    mapping.require(found)
    row.options = {**row.options, "mapping": given, "offer": found.as_json()}
    row.state = BacktestState.QUEUED
    row.save(update_fields=["options", "state"])
    queue.dispatch_after_commit(row)
    return row


@transaction.atomic
def cancel_backtest(*, backtest_id: uuid.UUID, actor: str) -> Backtest:
    """End an evaluation that waits or runs; its worker stops at its next step and writes nothing more.

    Raises BacktestNotFound, BacktestOver.
    """
    row = _locked(backtest_id)
    if row.state not in queue.OPEN:
        raise BacktestOver(f"The evaluation is {row.get_state_display().lower()}.")
    row.state, row.finished_at, row.error = BacktestState.CANCELLED, clock.now(), f"Cancelled by {actor}."
    row.upload = row.lease = None
    row.save(update_fields=["state", "finished_at", "error", "upload", "lease"])
    return row


def _locked(backtest_id: uuid.UUID) -> Backtest:
    row = Backtest.objects.select_for_update().defer(*HEAVY).filter(id=backtest_id).first()
    if row is None:
        raise selectors.BacktestNotFound(f"There is no evaluation {backtest_id}.")
    return row


def list_backtests(*, contract: str = "", state: str = "") -> Any:
    """Return the evaluations, newest first, without their rows and reports."""
    given = {"contract": contract, "state": state}
    found = Backtest.objects.defer(*HEAVY).order_by("-id")
    return found.filter(**{name: value for name, value in given.items() if value})


def get_report(*, backtest_id: uuid.UUID) -> Backtest:
    """Return an evaluation with its report; raises BacktestNotFound, BacktestNotReady."""
    row = selectors.get_backtest(backtest_id=backtest_id)
    if row.report is None:
        raise BacktestNotReady(row.error or f"The evaluation is {row.state}, {row.progress} %.")
    return row


def get_download(*, backtest_id: uuid.UUID, kind: str) -> bytes:
    """Return the CSV of all ``flips`` or all ``bad_rows``; raises BacktestNotFound, BacktestNotReady."""
    if kind not in downloads.CONTEXTS:
        raise selectors.BacktestNotFound("There is no such download.")
    get_report(backtest_id=backtest_id)
    stored = Backtest.objects.values_list(kind, flat=True).get(id=backtest_id)
    if stored is None:
        raise BacktestNotReady("This evaluation has nothing of the kind.")
    return downloads.opened(kind, bytes(stored))


def compare(*, first_id: uuid.UUID, second_id: uuid.UUID) -> dict[str, Any]:
    """Return two finished evaluations beside each other, second minus first.

    Raises BacktestNotFound, BacktestNotReady.
    """
    first, second = (get_report(backtest_id=item) for item in (first_id, second_id))
    one, two = first.report or {}, second.report or {}
    return {
        "first": {"id": str(first.id), "version": one["version"], "metrics": one["metrics"]},
        "second": {"id": str(second.id), "version": two["version"], "metrics": two["metrics"]},
        "same_rows": one["metrics"]["rows"] == two["metrics"]["rows"] and one["source"] == two["source"],
        "difference": metrics.compare(one["metrics"], two["metrics"]),
    }


def run_backtest(*, tenant_id: uuid.UUID, backtest_id: uuid.UUID, now: datetime.datetime) -> Backtest:
    """Run one evaluation; safe to repeat: one that is over, or that another worker holds, is left alone.

    Raises BacktestNotFound; what goes wrong inside the run is written to the row.
    """
    token = queue.claim(tenant_id=tenant_id, backtest_id=backtest_id, now=now)
    if token is not None:
        lease = queue.Lease(tenant_id, backtest_id, token)
        try:
            with lease.kept():
                _finish(lease, _run(lease))
        except queue.RunLost:
            pass
        except (OperationalError, InterfaceError):
            raise  # the database is away: nothing can be written, the sweep starts the run again
        except Exception as error:  # noqa: BLE001  whatever it is, the row must say so
            _fail(lease, error)
    with scope.tenant_scope(tenant_id):
        return selectors.get_backtest(backtest_id=backtest_id)


def _finish(lease: queue.Lease, values: Mapping[str, Any]) -> None:
    over = {"state": BacktestState.DONE, "progress": 100, "upload": None, "finished_at": clock.now()}
    lease.write(**over, **values)


def _fail(lease: queue.Lease, error: Exception) -> None:
    if isinstance(error, MemoryError):
        told = "There is not enough memory for so many rows; send fewer."
    elif isinstance(error, errors.DosError | OSError | ValueError):
        told = str(error)[:500] or type(error).__name__
    else:
        _log.exception("backtest failed", exc_info=error)
        told = f"Something went wrong inside the evaluation ({type(error).__name__}); it is in the error log."
    with contextlib.suppress(queue.RunLost):
        lease.write(state=BacktestState.FAILED, error=told, upload=None, finished_at=clock.now())


def _compiled(contract: str, version: str) -> Compiled:
    return cache.compiled_of(contracts.get_contract(name=contract, version=version))


def _run(lease: queue.Lease) -> dict[str, Any]:
    """Return the values to write: the report and the sealed downloads."""
    with tempfile.TemporaryDirectory(prefix="dos-backtest-") as folder:
        with scope.tenant_scope(lease.tenant_id):
            row = Backtest.objects.get(id=lease.backtest_id)
            compiled = _compiled(row.contract, row.version)
            baseline = _compiled(row.contract, row.baseline) if row.baseline else None
        source = _source_of(row, Path(folder))
        lease.progress(10)
        found = engine.run(
            compiled,
            source,
            label_key=row.label_key,
            baseline=baseline,
            cut_by=row.options.get("segments"),
            keep_flips=counting.KEPT_FLIPS,
            progress=lease.progress,
        )
        downloads.locate(source, found.invalid)
        return _values(row, source, found)


def _values(row: Backtest, source: sources.Source, found: engine.Evaluation) -> dict[str, Any]:
    names = source.ids() if source.ids is not None else []
    comparison = found.report["comparison"]
    if names and comparison:
        for flip in comparison["flips"]:
            flip["decision_id"] = names[flip["row"] - 1]
    offer = row.options.get("offer") or {}
    found.report["file"] = {
        "name": row.file_name,
        "absent": [item["name"] for item in offer.get("fields", ()) if not item["column"]],
        "unused": offer.get("unused", []),
        "mapping": row.options.get("mapping", {}),
    }
    values: dict[str, Any] = {"report": found.report}
    if comparison:
        values["flips"] = downloads.seal("flips", downloads.flips_csv(found.flips, names))
    if found.invalid:
        values["bad_rows"] = downloads.seal("bad_rows", downloads.bad_rows_csv(found.invalid))
    return values


def _source_of(row: Backtest, folder: Path) -> sources.Source:
    if row.source == HISTORY:
        start, end = (
            datetime.datetime.fromisoformat(row.options[name]) if row.options.get(name) else None
            for name in ("start", "end")
        )
        return history.History(row.tenant_id, row.contract, start, end).source()
    path = folder / f"rows.{row.source}"
    path.write_bytes(encryption.open_sealed(bytes(row.upload or b""), context=CONTEXT))
    return sources.Source(row.source, path, row.source, row.options.get("mapping") or {})


def rehearse(*, contract: str, rows: list[Any], label_key: str = "") -> dict[str, Any]:
    """Return the report of the contract in force over rows in memory; nothing is stored."""
    compiled = cache.active(scope.require(), contract)
    with tempfile.TemporaryDirectory(prefix="dos-simulate-") as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_bytes(b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))
        source = sources.Source("jsonl", path, "request")
        chosen = "rows" if len(rows) <= 2_000 else "auto"
        return engine.evaluate(compiled, source, label_key=label_key, engine=chosen)


def most_bytes() -> int:
    """Return how large a file may be."""
    return int(settings.DOS_MAX_UPLOAD_BYTES)
