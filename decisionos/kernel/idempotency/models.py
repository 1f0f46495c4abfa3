"""The kept answer of one write."""

from __future__ import annotations

import base64
from typing import Any

import orjson
from django.db import models

from decisionos.kernel import clock, encryption
from decisionos.kernel.tenants.models import TenantModel

SEALED_CONTEXT = b"kernel_idempotency_record.body"


class Record(TenantModel):
    """A key, what it was used for, and the answer it got, sealed: it may hold a secret told once."""

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

    @property
    def answer(self) -> Any:
        """The kept answer, opened."""
        kept: Any = self.body
        sealed = base64.b64decode(kept["sealed"])
        return orjson.loads(encryption.open_sealed(sealed, context=SEALED_CONTEXT))
