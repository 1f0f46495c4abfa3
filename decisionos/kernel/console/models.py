"""A view that somebody saved: a page, a name and the filters."""

from __future__ import annotations

from django.db import models

from decisionos.kernel import clock
from decisionos.kernel.tenants.models import TenantModel


class SavedView(TenantModel):
    """One view of one person, or of everybody in the organization where it is shared."""

    user_id = models.UUIDField()
    page = models.CharField(max_length=80)
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=2000, blank=True, default="")
    shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant_id", "user_id", "page", "name"], name="kernel_console_view_name"
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "page"], name="kernel_console_view_page")]
        verbose_name = "saved view"

    def __str__(self) -> str:
        return self.name
