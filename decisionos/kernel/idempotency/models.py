"""The kept answer of one write."""

from __future__ import annotations

from django.db import models

from decisionos.kernel import clock
from decisionos.kernel.tenants.models import TenantModel


class Record(TenantModel):
    """A key, what it was used for, and the answer it got."""

    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["tenant_id", "key"], name="kernel_idempotency_key"),
        ]
        verbose_name = "kept answer"

    def __str__(self) -> str:
        return self.key
