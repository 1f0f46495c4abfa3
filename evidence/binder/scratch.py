"""A place for checks that must write: everything in it is rolled back."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator

from django.db import transaction

from decisionos.kernel import ids
from decisionos.kernel.tenants import scope


class _Undo(Exception):
    """Leaves the block and takes its writes back."""


@contextlib.contextmanager
def scratch_tenant() -> Iterator[uuid.UUID]:
    """Run a block in the tenant in force, or in one that never exists; nothing of it stays."""
    tenant = scope.current() or ids.uuid7()
    with contextlib.suppress(_Undo), scope.tenant_scope(tenant), transaction.atomic():
        yield tenant
        raise _Undo
