"""An event in the outbox, and the note that one subscriber has had it."""

from __future__ import annotations

from django.db import models

from decisionos.kernel import clock
from decisionos.kernel.tenants.models import TenantModel


class Event(TenantModel):
    """Something that happened, with what a subscriber needs to know."""

    name = models.CharField(max_length=120)
    payload = models.JSONField()
    corr_id = models.CharField(max_length=64, blank=True, default="")
    occurred_at = models.DateTimeField(default=clock.now)
    relayed_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        constraints = [*TenantModel.Meta.constraints]
        indexes = [
            models.Index(
                fields=["id"], name="kernel_events_waiting", condition=models.Q(relayed_at__isnull=True)
            ),
            models.Index(fields=["tenant_id", "name", "id"], name="kernel_events_tenant_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Delivery(TenantModel):
    """One subscriber has handled one event."""

    event_id = models.UUIDField()
    subscriber = models.CharField(max_length=200)
    delivered_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant_id", "event_id", "subscriber"], name="kernel_events_once"
            ),
        ]
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return f"{self.subscriber} · {self.event_id}"
