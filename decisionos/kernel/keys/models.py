"""A signing key. It belongs to the installation, not to a tenant."""

from __future__ import annotations

from django.db import models

from decisionos.kernel import clock, encryption, ids
from decisionos.kernel.keys.enums import Algorithm, KeyState


class SigningKey(models.Model):
    """One Ed25519 key pair for one purpose; the private half is sealed at rest."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    purpose = models.CharField(max_length=60)
    kid = models.CharField(max_length=80, unique=True)
    algorithm = models.CharField(max_length=20, choices=Algorithm, default=Algorithm.ED25519)
    public_key = models.CharField(max_length=64)
    private_key = encryption.EncryptedTextField(editable=False)
    state = models.CharField(max_length=10, choices=KeyState, default=KeyState.ACTIVE)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["purpose"], condition=models.Q(state=KeyState.ACTIVE), name="kernel_keys_one_active"
            ),
            models.CheckConstraint(
                condition=models.Q(state=KeyState.ACTIVE, retired_at__isnull=True)
                | models.Q(state=KeyState.RETIRED, retired_at__isnull=False),
                name="kernel_keys_retired_when",
            ),
        ]

    def __str__(self) -> str:
        return self.kid
