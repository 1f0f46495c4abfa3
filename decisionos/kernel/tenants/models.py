"""The base of every row that belongs to a tenant.

There is deliberately no foreign key to the organization: the kernel lies below tenancy, the tables stay
ready for sharding by ``tenant_id``, and the hot path takes no lock on one organization row.
"""

from __future__ import annotations

from django.db import models

from decisionos.kernel import ids
from decisionos.kernel.tenants import isolation, scope


class TenantModel(models.Model):
    """A row of one tenant, visible only inside that tenant's scope.

    A concrete model repeats the constraint in its own Meta:
    ``constraints = [*TenantModel.Meta.constraints, ...]``. Its indexes and unique constraints start with
    ``tenant_id``.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    tenant_id = models.UUIDField(default=scope.current, editable=False)

    class Meta:
        abstract = True
        constraints = [isolation.RowSecurity(name="%(app_label)s_%(class)s_rls")]
