"""A pack that a tenant imported, in one version."""

from __future__ import annotations

from django.db import models

from decisionos.kernel import clock
from decisionos.kernel.tenants.models import TenantModel


class PackState(models.TextChoices):
    """Imported and verified, in force, or no longer in force."""

    IMPORTED = "imported", "Imported"
    ACTIVE = "active", "Active"
    RETIRED = "retired", "Retired"


class PackVersion(TenantModel):
    """One verified version of a pack with its manifest and the archive as it was signed."""

    name = models.CharField(max_length=63)
    version = models.CharField(max_length=40)
    digest = models.CharField(max_length=64, editable=False)
    key_id = models.CharField(max_length=120, editable=False)
    description = models.TextField(blank=True, default="")
    manifest = models.JSONField(editable=False)
    archive = models.BinaryField(editable=False)
    state = models.CharField(max_length=10, choices=PackState.choices, default=PackState.IMPORTED)
    previous = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    imported_by = models.CharField(max_length=120, blank=True, default="")
    imported_at = models.DateTimeField(default=clock.now, editable=False)
    activated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant_id", "name", "version"], name="policy_packs_version_once"
            ),
            models.UniqueConstraint(
                fields=["tenant_id", "name"],
                condition=models.Q(state=PackState.ACTIVE),
                name="policy_packs_one_active",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"
