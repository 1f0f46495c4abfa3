"""Number, chain and sign what was appended.

What must stay true: one sealer per tenant at a time (an advisory lock that ends with the transaction), so
that the chain never forks; an entry is sealed only when every transaction older than its own has ended, in
the order of transactions, so that none is skipped; each run leaves one signed checkpoint of the whole chain.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection, connections

from decisionos.kernel import clock, errors, ids, merkle
from decisionos.kernel.keys import services as keys
from decisionos.kernel.ledger import rules, tiles
from decisionos.kernel.ledger.models import Checkpoint
from decisionos.kernel.tenants import scope

_log = logging.getLogger("decisionos.ledger")
BATCH = 10_000


class LedgerBroken(errors.Unavailable):
    """Chain and checkpoints disagree: nothing is sealed on top of that."""

    code = "ledger_broken"
    title = "The ledger is broken"


_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"

# One statement, hence one snapshot: what it sees and its oldest running transaction belong together. A
# number from the future belongs to this very transaction, or to the cluster that a backup came from; for
# the same reason a horizon from the future counts as none. A transaction known to run in another database of
# the cluster cannot write here and is not waited for; one that cannot be placed is.
_PENDING = """
WITH elsewhere AS MATERIALIZED (
    SELECT a.backend_xid::text::bigint AS xid FROM pg_stat_activity a
    WHERE a.backend_xid IS NOT NULL
      AND a.datid <> (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
), running AS MATERIALIZED (
    SELECT min(x::text::bigint) AS low FROM pg_snapshot_xip(pg_current_snapshot()) x
    WHERE x::text::bigint %% 4294967296 NOT IN (SELECT xid FROM elsewhere)
), snap AS MATERIALIZED (
    SELECT coalesce((SELECT low FROM running),
                    pg_snapshot_xmax(pg_current_snapshot())::text::bigint) AS low,
           pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS high,
           coalesce(pg_current_xact_id_if_assigned()::text::bigint, -1) AS own
)
SELECT e.id, e.digest, e.xid, snap.low
FROM snap, kernel_ledger_entry e
WHERE e.tenant_id = %(tenant)s
  AND e.xid >= CASE WHEN %(horizon)s <= snap.high THEN %(horizon)s ELSE 0 END
  AND (e.xid < snap.low OR e.xid >= snap.high OR e.xid = snap.own)
  AND NOT EXISTS (SELECT 1 FROM kernel_ledger_seal s WHERE s.entry_id = e.id)
ORDER BY e.xid, e.id
LIMIT %(batch)s
"""

_WRITE = (
    "INSERT INTO kernel_ledger_seal (id, tenant_id, entry_id, seq, prev, curr) "
    "SELECT id, %s, entry_id, seq, prev, curr FROM "
    "unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::text[], %s::text[]) "
    "AS given(id, entry_id, seq, prev, curr)"
)

# A loose scan over tenants, then per tenant one look past its horizon.
_WAITING = """
WITH RECURSIVE tenant AS (
    (SELECT tenant_id FROM kernel_ledger_entry ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT e.tenant_id FROM kernel_ledger_entry e WHERE e.tenant_id > tenant.tenant_id
            ORDER BY e.tenant_id LIMIT 1)
    FROM tenant WHERE tenant.tenant_id IS NOT NULL
)
SELECT tenant_id FROM (
    SELECT tenant_id, coalesce(
        (SELECT c.horizon FROM kernel_ledger_checkpoint c WHERE c.tenant_id = tenant.tenant_id
         ORDER BY c.size DESC LIMIT 1), 0) AS horizon
    FROM tenant WHERE tenant_id IS NOT NULL
) t
WHERE EXISTS (
    SELECT 1 FROM kernel_ledger_entry e
    WHERE e.tenant_id = t.tenant_id
      AND e.xid >= CASE WHEN t.horizon <= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
                        THEN t.horizon ELSE 0 END
      AND (%(age)s = 0 OR e.occurred_at <= clock_timestamp() - make_interval(secs => %(age)s))
      AND NOT EXISTS (SELECT 1 FROM kernel_ledger_seal s WHERE s.entry_id = e.id)
)
"""


def seal_pending(tenant_id: uuid.UUID, *, now: datetime | None = None, batch: int = BATCH) -> int:
    """Seal what one tenant appended; returns how many entries. Safe to repeat and to run twice at once.

    Raises LedgerBroken where the chain's end is not what the last checkpoint says.
    """
    total = 0
    while True:
        with scope.tenant_scope(tenant_id):
            count = _seal_batch(tenant_id, moment=now or clock.now(), batch=batch)
        total += count
        if count < batch:
            return total


def last_checkpoint(tenant_id: uuid.UUID) -> Checkpoint | None:
    """Return the newest checkpoint of the tenant in force."""
    return Checkpoint.objects.filter(tenant_id=tenant_id).order_by("-size").first()


def _start(tenant_id: uuid.UUID) -> tuple[Checkpoint | None, int, str]:
    """Lock the tenant's chain and return where it ends; raises LedgerBroken."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [f"kernel_ledger.seal:{tenant_id}"])
        last = last_checkpoint(tenant_id)
        cursor.execute(
            "SELECT seq, curr FROM kernel_ledger_seal WHERE tenant_id = %s ORDER BY seq DESC LIMIT 1",
            [tenant_id],
        )
        row = cursor.fetchone()
    size, head = (last.size, last.head) if last else (0, rules.GENESIS)
    if (row or (0, rules.GENESIS)) != (size, head):
        raise LedgerBroken(f"The last checkpoint covers {size} entries, the chain does not end there.")
    return last, size, head


def _array(items: Iterable[object]) -> str:
    """Return PostgreSQL's text of an array of ids, numbers or hashes: nothing in them needs quoting."""
    return "{" + ",".join(map(str, items)) + "}"


def _seal_batch(tenant_id: uuid.UUID, *, moment: datetime, batch: int) -> int:
    last, size, head = _start(tenant_id)
    with connection.cursor() as cursor:
        cursor.execute(
            _PENDING, {"tenant": tenant_id, "horizon": last.horizon if last else 0, "batch": batch}
        )
        rows = cursor.fetchall()
    if not rows:
        return 0
    tree = merkle.CompactRange.unpack(size, bytes(last.peaks)) if last else merkle.CompactRange()
    prevs: list[str] = []
    currs: list[str] = []
    leaves: list[bytes] = []
    for _, digest, _, _ in rows:
        prevs.append(head)
        head = rules.chain(head, digest)
        currs.append(head)
        leaf = tiles.leaf_of(digest)
        leaves.append(leaf)
        tree.append(leaf)
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE,
            [
                tenant_id,
                _array(ids.uuid7() for _ in rows),
                _array(row[0] for row in rows),
                _array(range(size + 1, size + 1 + len(rows))),
                _array(prevs),
                _array(currs),
            ],
        )
    tiles.extend(tenant_id, size=size, leaves=leaves)
    # A full batch may have stopped within a transaction; otherwise all below the oldest running is sealed.
    horizon = min(rows[-1][2], rows[0][3]) if len(rows) == batch else rows[0][3]
    _sign(tenant_id, last, tree, head=head, horizon=horizon, moment=moment)
    return len(rows)


def _sign(
    tenant_id: uuid.UUID,
    last: Checkpoint | None,
    tree: merkle.CompactRange,
    *,
    head: str,
    horizon: int,
    moment: datetime,
) -> None:
    values: dict[str, Any] = {
        "size": tree.size,
        "root": tree.root().hex(),
        "head": head,
        "created_at": moment,
    }
    signature = keys.sign(rules.PURPOSE, rules.checkpoint_statement(tenant_id=tenant_id, **values))
    Checkpoint.objects.create(
        tenant_id=tenant_id,
        kid=signature.kid,
        signature=signature.text(),
        previous=last,
        peaks=tree.pack(),
        horizon=horizon,
        **values,
    )


def waiting_tenants(*, age: float = 0) -> list[uuid.UUID]:
    """Return the tenants with entries unsealed for ``age`` seconds, over the connection that sees all."""
    with connections["platform"].cursor() as cursor:
        cursor.execute(_WAITING, {"age": age})
        return [tenant for (tenant,) in cursor.fetchall()]


def seal_all(*, now: datetime | None = None) -> int:
    """Seal what every tenant appended; one tenant's trouble keeps no other waiting. Idempotent."""
    total = 0
    for tenant_id in waiting_tenants():
        try:
            total += seal_pending(tenant_id, now=now)
        except (errors.DosError, tiles.TreeBroken):
            _log.exception("sealing failed", extra={"tenant": str(tenant_id)})
    return total
