"""Verify the whole chain in the background, with progress that a page can show.

What must stay true: at most one run of an organization is at work; a run that died is not shown as running
for ever, and another may be started; what a run found is kept and stands in the ledger.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import celery
from django.db import transaction

from decisionos.kernel import clock, errors
from decisionos.kernel.ledger import acting, verifying
from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.ledger.enums import RunState
from decisionos.kernel.ledger.models import Seal, VerificationRun
from decisionos.kernel.tenants import scope

TASK = "decisionos.kernel.ledger.tasks.verify_ledger"
# A run that told nothing for so long has died with its worker.
LONGEST_SILENCE = timedelta(minutes=10)
# A run still queued after so long may be lost: it is sent again, and runs once all the same.
LONGEST_WAIT = timedelta(seconds=15)


class VerificationNotFound(errors.NotFound):
    """There is no such verification in this organization."""

    code = "verification_not_found"
    title = "No such verification"


def find_running(*, now: datetime) -> VerificationRun | None:
    """Return the run at work in the organization in force, or None."""
    rows = VerificationRun.objects.filter(
        tenant_id=scope.require(), state__in=[RunState.QUEUED, RunState.RUNNING]
    )
    return rows.filter(updated_at__gt=now - LONGEST_SILENCE).order_by("-id").first()


def start_verification(*, actor: str, now: datetime) -> VerificationRun:
    """Enqueue a verification, or return the one at work. Safe to repeat."""
    tenant = scope.require()
    running = find_running(now=now)
    if running is not None:
        if running.state == RunState.QUEUED and now - running.updated_at > LONGEST_WAIT:
            _send(running)
        return running
    last = Seal.objects.filter(tenant_id=tenant).order_by("-seq").values_list("seq", flat=True).first()
    made = VerificationRun.objects.create(
        tenant_id=tenant, started_by=actor, entries=last or 0, created_at=now, updated_at=now
    )
    _send(made)
    return made


def _send(run: VerificationRun) -> None:
    task = {"tenant_id": str(run.tenant_id), "run_id": str(run.id)}
    # A broker that is down must not undo the request: the run stays queued, and can be asked for again.
    transaction.on_commit(lambda: celery.current_app.send_task(TASK, kwargs=task), robust=True)


def run_verification(*, tenant_id: uuid.UUID, run_id: uuid.UUID) -> VerificationRun:
    """Verify; safe to repeat, a finished run is left alone. Raises VerificationNotFound."""
    with scope.tenant_scope(tenant_id):
        run = VerificationRun.objects.filter(id=run_id).first()
        if run is None:
            raise VerificationNotFound("The verification is not there any more.")
        if run.is_finished:
            return run
    tell(run_id, state=RunState.RUNNING, checked=0)
    try:
        with scope.tenant_scope(tenant_id):
            found = verifying.verify_ledger(tell=lambda size: tell(run_id, checked=size))
    except Exception as error:
        tell(run_id, state=RunState.FAILED, error=f"{type(error).__name__}: {error}"[:500], finished=True)
        raise
    with scope.tenant_scope(tenant_id), acting.acting(run.started_by):
        ledger.append(
            kind="ledger.verified",
            payload={
                "is_valid": found.is_consistent,
                "entries": found.entries,
                "checkpoints": found.checkpoints,
                "root": found.root,
            },
            subject_type="ledger",
            subject_id=str(tenant_id),
        )
    result = {
        "head": found.head,
        "root": found.root,
        "unsealed": found.unsealed,
        "problems": found.problems,
        "first_broken": asdict(found.first_broken) if found.first_broken else None,
    }
    tell(
        run_id,
        state=RunState.DONE,
        is_valid=found.is_consistent,
        checked=found.entries,
        entries=found.entries,
        checkpoints=found.checkpoints,
        result=result,
        finished=True,
    )
    with scope.tenant_scope(tenant_id):
        return VerificationRun.objects.get(id=run_id)


def tell(run_id: uuid.UUID, *, finished: bool = False, **values: Any) -> None:
    """Note how a run stands, at once and apart from the transaction that verifies."""
    now = clock.now()
    if finished:
        values["finished_at"] = now
    VerificationRun.objects.using("platform").filter(id=run_id).update(updated_at=now, **values)


def list_runs() -> Any:
    """Return the verifications of the organization in force, newest first."""
    return VerificationRun.objects.filter(tenant_id=scope.require()).order_by("-id")
