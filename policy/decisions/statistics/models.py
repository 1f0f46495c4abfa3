"""The counts: per hour and kind of outcome, per hour and answer time, and how far the chain was counted."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from decisionos.kernel import clock
from decisionos.kernel.tenants.models import TenantModel
from policy.decisions.enums import DecisionClass


class HourlyOutcome(TenantModel):
    """How many decisions of one hour had the same contract, class, reasons and rules."""

    hour = models.DateTimeField()
    pattern = models.BigIntegerField()
    contract = models.CharField(max_length=63)
    contract_version = models.CharField(max_length=40)
    environment = models.CharField(max_length=40, blank=True, default="")
    decision_class = models.CharField(max_length=8, choices=DecisionClass.choices)
    reasons = ArrayField(models.CharField(max_length=120), default=list)
    rules = ArrayField(models.CharField(max_length=120), default=list)
    decisions = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant_id", "hour", "pattern"],
                include=["decision_class", "decisions"],
                name="policy_decisions_outcome_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} · {self.contract} · {self.decision_class}: {self.decisions}"


class HourlyDuration(TenantModel):
    """How many decisions of one hour took about the same time: one bar of a logarithmic histogram."""

    hour = models.DateTimeField()
    contract = models.CharField(max_length=63)
    environment = models.CharField(max_length=40, blank=True, default="")
    bucket = models.SmallIntegerField()
    decisions = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant_id", "hour", "contract", "environment", "bucket"],
                include=["decisions"],
                name="policy_decisions_duration_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} · {self.contract} · {self.bucket}: {self.decisions}"


class Progress(TenantModel):
    """The number in the ledger's chain up to which decisions are counted."""

    seq = models.PositiveBigIntegerField(default=0)
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["tenant_id"], name="policy_decisions_progress_once"),
        ]
        verbose_name_plural = "progress"

    def __str__(self) -> str:
        return f"counted up to #{self.seq}"
