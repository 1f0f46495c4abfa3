"""The compiled contract in force, kept per process.

What must stay true: an activation is seen within a second everywhere, because no answer older than that is
used without asking one small row; a compiled version is immutable and kept until others push it out.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict

from decisionos.kernel.tenants import scope
from policy.decisions.contracts import compiled, selectors
from policy.decisions.contracts.compiled import Compiled
from policy.decisions.enums import ContractState
from policy.decisions.models import ContractVersion

FRESH_SECONDS = 0.9
KEPT = 512

_lock = threading.Lock()
_active: dict[tuple[uuid.UUID, str], tuple[float, uuid.UUID]] = {}
_compiled: OrderedDict[uuid.UUID, Compiled] = OrderedDict()


def forget(tenant: uuid.UUID, name: str) -> None:
    """Ask the database at the next decision; called after an activation in this process."""
    with _lock:
        _active.pop((tenant, name), None)


def clear() -> None:
    """Forget everything."""
    with _lock:
        _active.clear()
        _compiled.clear()


def _keep(row_id: uuid.UUID, value: Compiled) -> Compiled:
    with _lock:
        _compiled[row_id] = value
        _compiled.move_to_end(row_id)
        while len(_compiled) > KEPT:
            _compiled.popitem(last=False)
    return value


def compiled_of(row: ContractVersion) -> Compiled:
    """Return a stored version compiled, in the scope in force; raises RulesetNotFound."""
    found = _compiled.get(row.id)
    if found is not None:
        return found
    document = selectors.document_of(row)
    return _keep(row.id, compiled.compile_contract(document, compiled.sources_of(document)))


def active(tenant: uuid.UUID, name: str) -> Compiled:
    """Return the version in force of one tenant's contract.

    Opens the tenant's scope where it must look. Raises ContractNotFound, RulesetNotFound.
    """
    known = _active.get((tenant, name))
    moment = time.monotonic()
    if known is not None and moment - known[0] < FRESH_SECONDS:
        found = _compiled.get(known[1])
        if found is not None:
            return found
    with scope.tenant_scope(tenant):
        row_id = (
            ContractVersion.objects.filter(name=name, state=ContractState.ACTIVE)
            .values_list("id", flat=True)
            .first()
        )
        if row_id is None:
            raise selectors.ContractNotFound(f"No contract {name!r} is in force.")
        found = _compiled.get(row_id) or compiled_of(ContractVersion.objects.get(id=row_id))
    with _lock:
        _active[tenant, name] = (moment, row_id)
    return found
