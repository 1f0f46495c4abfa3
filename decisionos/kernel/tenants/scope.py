"""The tenant in force: set per transaction in PostgreSQL, mirrored in a context variable.

``set_config(..., true)`` ends with the transaction, so a pooled connection cannot carry a tenant over.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from contextvars import ContextVar

from django.db import connection, transaction

from decisionos.kernel import errors

_current: ContextVar[uuid.UUID | None] = ContextVar("tenant", default=None)

SETTING = "app.tenant_id"


class TenantRequired(errors.Denied):
    """This door opens only for a known tenant."""

    code = "tenant_required"
    title = "An organization is required"


class TenantMismatch(errors.Denied):
    """Work for one tenant tried to enter another."""

    code = "tenant_mismatch"
    title = "This belongs to another organization"


def current() -> uuid.UUID | None:
    """Return the tenant in force, or None."""
    return _current.get()


def require() -> uuid.UUID:
    """Return the tenant in force; raises TenantRequired."""
    tenant = _current.get()
    if tenant is None:
        raise TenantRequired("No organization is in force for this operation.")
    return tenant


def _set(tenant: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", [tenant])


@contextlib.contextmanager
def tenant_scope(tenant_id: uuid.UUID | str) -> Iterator[uuid.UUID]:
    """Run a block as one tenant, in one transaction on the default connection.

    Entering the same tenant again joins the scope (a savepoint). Raises TenantMismatch for another one.
    """
    tenant = tenant_id if isinstance(tenant_id, uuid.UUID) else uuid.UUID(str(tenant_id))
    outer = _current.get()
    if outer is not None and outer != tenant:
        raise TenantMismatch("Another organization is already in force.")
    if outer is not None and connection.in_atomic_block:
        with transaction.atomic():
            yield tenant
        return
    token = _current.set(tenant)
    try:
        with transaction.atomic():
            _set(str(tenant))
            yield tenant
    finally:
        _current.reset(token)
        # Inside a caller's own transaction the setting would outlive the scope.
        if connection.in_atomic_block and not connection.needs_rollback:
            _set("")
