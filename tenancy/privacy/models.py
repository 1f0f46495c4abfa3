"""A consent: a person's token, a purpose, a time."""

from __future__ import annotations

from django.db import models

from decisionos.kernel import clock, encryption
from decisionos.kernel.tenants.models import TenantModel


class Consent(TenantModel):
    """One person agreed to one purpose. The person is known by a keyed hash, never by name."""

    subject_hash = models.CharField(max_length=64)
    purpose = models.CharField(max_length=60)
    scope = models.CharField(max_length=200, blank=True, default="")
    evidence = encryption.EncryptedTextField(null=True, blank=True)
    granted_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    destroyed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant_id", "subject_hash", "purpose"],
                condition=models.Q(revoked_at__isnull=True),
                name="tenancy_privacy_one_standing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} · {self.subject_hash[:12]}"
