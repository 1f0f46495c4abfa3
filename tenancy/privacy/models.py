"""A consent: a person's token, a purpose, a time; and the secret that such tokens are made with."""

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


class ReferencePepper(TenantModel):
    """The secret that turns an organization's persons into references; one for each organization."""

    secret = encryption.EncryptedTextField(null=True, editable=False)
    created_in = models.BigIntegerField(editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    destroyed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["tenant_id"], name="tenancy_privacy_one_pepper"),
            models.CheckConstraint(
                condition=models.Q(secret__isnull=True, destroyed_at__isnull=False)
                | models.Q(secret__isnull=False, destroyed_at__isnull=True),
                name="tenancy_privacy_pepper_destroyed_when",
            ),
        ]

    def __str__(self) -> str:
        return "shredded" if self.destroyed_at else "in use"
