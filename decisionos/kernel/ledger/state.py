"""How far the ledger of the organization in force is, in a few index reads whatever its size."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from decisionos.kernel.ledger import rules
from decisionos.kernel.ledger.models import Checkpoint, Entry, Seal, VerificationRun
from decisionos.kernel.tenants import scope

# Only entries past the last checkpoint's horizon can be without a seal.
_UNSEALED = """
SELECT count(*) FROM kernel_ledger_entry e
WHERE e.tenant_id = %(tenant)s
  AND e.xid >= CASE WHEN %(horizon)s <= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
                    THEN %(horizon)s ELSE 0 END
  AND NOT EXISTS (SELECT 1 FROM kernel_ledger_seal s WHERE s.entry_id = e.id)
"""


@dataclass(frozen=True, slots=True)
class State:
    """The chain, its newest signed checkpoint, and the newest verification."""

    sealed: int
    unsealed: int
    head: str
    checkpoint: Checkpoint | None
    verification: VerificationRun | None

    @property
    def tone(self) -> str:
        """Return how this looks: bad where a verification found the chain broken, plain before any."""
        run = self.verification
        if run is None or not run.is_finished:
            return "plain"
        return "ok" if run.is_valid else "bad"


def read() -> State:
    """Return the state of the ledger."""
    tenant = scope.require()
    last = Seal.objects.filter(tenant_id=tenant).order_by("-seq").first()
    checkpoint = Checkpoint.objects.filter(tenant_id=tenant).order_by("-size").defer("peaks").first()
    with connection.cursor() as cursor:
        cursor.execute(_UNSEALED, {"tenant": tenant, "horizon": checkpoint.horizon if checkpoint else 0})
        unsealed = int(cursor.fetchone()[0])
    return State(
        sealed=last.seq if last else 0,
        unsealed=unsealed,
        head=last.curr if last else rules.GENESIS,
        checkpoint=checkpoint,
        verification=VerificationRun.objects.filter(tenant_id=tenant).order_by("-id").first(),
    )


_KINDS = """
WITH RECURSIVE k AS (
    (SELECT e.kind FROM kernel_ledger_entry e WHERE e.tenant_id = %(tenant)s ORDER BY e.kind LIMIT 1)
    UNION ALL
    SELECT n.kind FROM k CROSS JOIN LATERAL (
        SELECT e.kind FROM kernel_ledger_entry e WHERE e.tenant_id = %(tenant)s AND e.kind > k.kind
        ORDER BY e.kind LIMIT 1) n
)
SELECT kind FROM k LIMIT 200
"""


def list_kinds() -> list[str]:
    """Return the kinds of entries that there are."""
    with connection.cursor() as cursor:
        cursor.execute(_KINDS, {"tenant": scope.require()})
        return [kind for (kind,) in cursor.fetchall()]


def has_entries() -> bool:
    """Return whether anything was recorded at all."""
    return Entry.objects.filter(tenant_id=scope.require()).exists()
