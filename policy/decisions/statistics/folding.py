"""Count what the sealer has numbered since the last run, each decision once.

What must stay true: the chain's numbers have no gap and never change, so "counted up to number N" says
exactly which decisions are in the sums. Counts and progress change in one transaction under one row's lock:
a run that dies has counted nothing, two runs at once count nothing twice.
"""

from __future__ import annotations

import datetime
import logging
import re
import uuid
from dataclasses import dataclass
from typing import Any

from django.db import connection, connections

from decisionos.kernel import clock, errors
from decisionos.kernel.ledger.models import Checkpoint, Entry
from decisionos.kernel.tenants import scope
from policy.decisions.models import Decision
from policy.decisions.statistics import rules
from policy.decisions.statistics.models import HourlyDuration, HourlyOutcome, Progress

_log = logging.getLogger("decisionos.statistics")
BATCH = 20_000
_KIND = "decision.made"
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# The pairs come as parameters: a join on a cast text could not use the decisions' key under row security.
_FOLD = f"""
WITH made AS MATERIALIZED (
    SELECT d.id, d.pattern, d.contract, d.environment,
           date_trunc('hour', d.decided_at, 'UTC') AS hour,
           floor(ln(greatest(d.duration_us, 1)::float8) / ln({rules.GROWTH}::float8))::int AS bucket
    FROM unnest(%(decisions)s::uuid[], %(entries)s::uuid[]) AS m(decision, entry)
    JOIN policy_decisions_decision d ON d.id = m.decision AND d.ledger_entry_id = m.entry
    WHERE d.tenant_id = %(tenant)s
), outcome AS (
    SELECT hour, pattern, count(*) AS decisions, (array_agg(id))[1] AS sample
    FROM made GROUP BY hour, pattern ORDER BY hour, pattern
), counted AS (
    INSERT INTO policy_decisions_hourlyoutcome AS kept (
        id, tenant_id, hour, pattern, contract, contract_version, environment, decision_class, reasons,
        rules, decisions)
    SELECT gen_random_uuid(), %(tenant)s, o.hour, o.pattern, d.contract, d.contract_version, d.environment,
           d.decision_class, d.reasons,
           ARRAY(SELECT r.value ->> 'rule' FROM jsonb_array_elements(d.rules_applied) WITH ORDINALITY r
                 ORDER BY r.ordinality),
           o.decisions
    FROM outcome o JOIN policy_decisions_decision d ON d.id = o.sample
    ON CONFLICT (tenant_id, hour, pattern) DO UPDATE SET decisions = kept.decisions + EXCLUDED.decisions
    RETURNING 1
), timed AS (
    INSERT INTO policy_decisions_hourlyduration AS kept (
        id, tenant_id, hour, contract, environment, bucket, decisions)
    SELECT gen_random_uuid(), %(tenant)s, hour, contract, environment, bucket, count(*)
    FROM made GROUP BY hour, contract, environment, bucket
    ON CONFLICT (tenant_id, hour, contract, environment, bucket)
        DO UPDATE SET decisions = kept.decisions + EXCLUDED.decisions
    RETURNING 1
)
SELECT (SELECT count(*) FROM made), (SELECT count(*) FROM counted), (SELECT count(*) FROM timed)
"""

# A loose scan over tenants, then each one's newest checkpoint beside what is counted.
_WAITING = """
WITH RECURSIVE tenant AS (
    (SELECT tenant_id FROM kernel_ledger_checkpoint ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT c.tenant_id FROM kernel_ledger_checkpoint c WHERE c.tenant_id > tenant.tenant_id
            ORDER BY c.tenant_id LIMIT 1)
    FROM tenant WHERE tenant.tenant_id IS NOT NULL
)
SELECT t.tenant_id FROM tenant t
WHERE t.tenant_id IS NOT NULL
  AND (SELECT c.size FROM kernel_ledger_checkpoint c WHERE c.tenant_id = t.tenant_id
       ORDER BY c.size DESC LIMIT 1)
      > coalesce((SELECT p.seq FROM policy_decisions_progress p WHERE p.tenant_id = t.tenant_id), 0)
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """An hour whose counts are not the decisions'."""

    hour: datetime.datetime
    counted: int
    stored: int


def fold_pending(tenant_id: uuid.UUID, *, now: datetime.datetime | None = None, batch: int = BATCH) -> int:
    """Count what one tenant's chain has gained; returns how many decisions. Safe to repeat, also at once."""
    total = 0
    while True:
        with scope.tenant_scope(tenant_id):
            counted, more = _fold_batch(tenant_id, moment=now or clock.now(), batch=batch)
        total += counted
        if not more:
            return total


def _fold_batch(tenant_id: uuid.UUID, *, moment: datetime.datetime, batch: int) -> tuple[int, bool]:
    Progress.objects.bulk_create([Progress(tenant_id=tenant_id)], ignore_conflicts=True)
    progress = Progress.objects.select_for_update().get(tenant_id=tenant_id)
    sizes = Checkpoint.objects.filter(tenant_id=tenant_id).order_by("-size")
    sealed = sizes.values_list("size", flat=True).first() or 0
    last = min(progress.seq + batch, sealed)
    if last <= progress.seq:
        return 0, False
    entries = Entry.objects.filter(
        tenant_id=tenant_id,
        seal__tenant_id=tenant_id,
        seal__seq__gt=progress.seq,
        seal__seq__lte=last,
        kind=_KIND,
    )
    pairs = [pair for pair in entries.values_list("subject_id", "id") if _UUID.fullmatch(pair[0])]
    counted = 0
    if pairs:
        values: dict[str, Any] = {
            "tenant": tenant_id,
            "decisions": [decision for decision, _ in pairs],
            "entries": [entry for _, entry in pairs],
        }
        with connection.cursor() as cursor:
            cursor.execute(_FOLD, values)
            counted = int(cursor.fetchone()[0])
    progress.seq, progress.updated_at = last, moment
    progress.save(update_fields=["seq", "updated_at"])
    return counted, last < sealed


def waiting_tenants() -> list[uuid.UUID]:
    """Return the tenants whose chain is longer than what is counted, over the connection that sees all."""
    with connections["platform"].cursor() as cursor:
        cursor.execute(_WAITING)
        return [tenant for (tenant,) in cursor.fetchall()]


def fold_all(*, now: datetime.datetime | None = None) -> int:
    """Count for every tenant; one tenant's trouble keeps no other waiting. Idempotent."""
    total = 0
    for tenant_id in waiting_tenants():
        try:
            total += fold_pending(tenant_id, now=now)
        except errors.DosError:
            _log.exception("counting failed", extra={"tenant": str(tenant_id)})
    return total


def rebuild(tenant_id: uuid.UUID, *, now: datetime.datetime | None = None) -> int:
    """Throw the counts of one tenant away and count again from the first entry; returns how many decisions.

    Pages show what is counted so far while it runs.
    """
    with scope.tenant_scope(tenant_id):
        Progress.objects.bulk_create([Progress(tenant_id=tenant_id)], ignore_conflicts=True)
        progress = Progress.objects.select_for_update().get(tenant_id=tenant_id)
        HourlyOutcome.objects.filter(tenant_id=tenant_id).delete()
        HourlyDuration.objects.filter(tenant_id=tenant_id).delete()
        progress.seq = 0
        progress.save(update_fields=["seq"])
    return fold_pending(tenant_id, now=now)


_STORED = """
SELECT date_trunc('hour', d.decided_at, 'UTC') AS hour, count(*) FROM policy_decisions_decision d
WHERE d.tenant_id = %(tenant)s GROUP BY 1
"""
_COUNTED = """
SELECT hour, sum(decisions)::bigint FROM policy_decisions_hourlyoutcome
WHERE tenant_id = %(tenant)s GROUP BY 1
"""


def compare(tenant_id: uuid.UUID) -> list[Difference]:
    """Return the hours whose counts differ from the decisions stored; none where every one is counted."""
    with scope.tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(_STORED, {"tenant": tenant_id})
        stored = dict(cursor.fetchall())
        cursor.execute(_COUNTED, {"tenant": tenant_id})
        counted = dict(cursor.fetchall())
    return [
        Difference(hour, counted.get(hour, 0), stored.get(hour, 0))
        for hour in sorted({*stored, *counted})
        if counted.get(hour, 0) != stored.get(hour, 0)
    ]


def decisions_exist() -> bool:
    """Return whether the organization in force has any decision at all."""
    return Decision.objects.filter(tenant_id=scope.require()).exists()
