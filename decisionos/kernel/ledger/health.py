"""Whether the sealer keeps up: told by /readyz as degraded, never a reason to refuse a decision."""

from __future__ import annotations

from django.db import Error

from decisionos.kernel.ledger import sealing

LATE_SECONDS = 10.0


def find_lag() -> str | None:
    """Return what is late, or None: how many organizations have entries that wait too long for their seal."""
    try:
        late = sealing.waiting_tenants(age=LATE_SECONDS)
    except Error as error:
        return f"the sealer's state is not known: {type(error).__name__}"
    return f"{len(late)} organizations wait for the sealer for over {LATE_SECONDS:.0f} s" if late else None
