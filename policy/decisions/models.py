"""Contracts, decisions and offline evaluations."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, TextField, Value

from decisionos.kernel import clock
from decisionos.kernel.tenants.models import TenantModel
from policy.decisions.enums import BacktestState, ContractState, DecisionClass
from policy.decisions.statistics.models import HourlyDuration, HourlyOutcome, Progress

__all__ = ["Backtest", "ContractVersion", "Decision", "HourlyDuration", "HourlyOutcome", "Progress"]

_KIND = ("contract", "contract_version", "decision_class", "environment")
# One number for all decisions of one contract version, environment, class, reasons and rules. There are few
# of them, so every filter on these becomes a short list of numbers, which an index serves under row-level
# security; an array or JSON operator would not be (it is not leakproof).
_PATTERN = Func(
    Func(
        Func(
            *(F(name) for name in _KIND), function="ARRAY", template="%(function)s[%(expressions)s]::text[]"
        ),
        Func(F("reasons"), template="(%(expressions)s)::text[]"),
        function="array_cat",
    ),
    Func(
        Func(
            F("rules_applied"),
            Value("$[*].rule", output_field=TextField()),
            function="jsonb_path_query_array",
            template="%(function)s(%(expressions)s::jsonpath)",
        ),
        Value(0),
        function="jsonb_hash_extended",
    ),
    function="hash_array_extended",
    output_field=models.BigIntegerField(),
)


class ContractVersion(TenantModel):
    """One version of what a caller may send, what decides it, and what comes back; it never changes."""

    name = models.CharField(max_length=63)
    version = models.CharField(max_length=40)
    description = models.TextField(blank=True, default="")
    input_schema = models.JSONField()
    output_schema = models.JSONField(default=dict, blank=True)
    rulesets = models.JSONField(help_text="ordered: [{name, version}]")
    label_key = models.CharField(max_length=63, blank=True, default="")
    checklist = models.JSONField(default=dict, blank=True, help_text="documents by class")
    purpose = models.CharField(max_length=63, blank=True, default="", help_text="consent that must stand")
    state = models.CharField(max_length=8, choices=ContractState.choices, default=ContractState.DRAFT)
    digest = models.CharField(max_length=64, editable=False)
    previous = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_by = models.CharField(max_length=120, blank=True, default="")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    activated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant_id", "name", "version"], name="policy_decisions_contract_once"
            ),
            models.UniqueConstraint(
                fields=["tenant_id", "name"],
                condition=models.Q(state=ContractState.ACTIVE),
                name="policy_decisions_contract_active",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Decision(TenantModel):
    """One decision with everything that explains it; the input and the values rules saw are sealed."""

    contract = models.CharField(max_length=63)
    contract_version = models.CharField(max_length=40)
    decision_class = models.CharField(max_length=8, choices=DecisionClass.choices)
    reasons = ArrayField(models.CharField(max_length=120), default=list)
    confidence = models.FloatField()
    required_docs = ArrayField(models.CharField(max_length=120), default=list)
    rules_applied = models.JSONField(help_text="without the values they saw")
    not_evaluated = models.JSONField()
    versions = models.JSONField()
    sealed = models.BinaryField(help_text="the input and the answer, encrypted")
    input_hash = models.CharField(max_length=64)
    output_hash = models.CharField(max_length=64)
    subject_ref = models.CharField(max_length=200, blank=True, default="")
    purpose = models.CharField(max_length=63, blank=True, default="")
    consent_id = models.UUIDField(null=True, blank=True)
    environment = models.CharField(max_length=40, blank=True, default="")
    actor = models.CharField(max_length=120, blank=True, default="")
    corr_id = models.CharField(max_length=64, blank=True, default="")
    idempotency_key = models.CharField(max_length=255, blank=True, default="")
    fingerprint = models.CharField(max_length=64, blank=True, default="")
    ledger_entry_id = models.UUIDField()
    decided_at = models.DateTimeField()
    duration_us = models.PositiveIntegerField(default=0)
    pattern = models.GeneratedField(
        expression=_PATTERN, output_field=models.BigIntegerField(), db_persist=True, editable=False
    )

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant_id", "idempotency_key"],
                condition=~models.Q(idempotency_key=""),
                name="policy_decisions_key_once",
            ),
        ]
        indexes = [
            # Lists go by time; what is included is judged without a look at the row.
            models.Index(
                fields=["tenant_id", "-decided_at", "-id"],
                include=["pattern", "confidence"],
                name="policy_decisions_by_time",
            ),
            models.Index(
                fields=["tenant_id", "pattern", "-decided_at", "-id"],
                include=["confidence"],
                name="policy_decisions_by_pattern",
            ),
            models.Index(
                fields=["tenant_id", "actor", "-decided_at", "-id"],
                include=["pattern"],
                name="policy_decisions_by_actor",
            ),
            models.Index(
                fields=["tenant_id", "corr_id"],
                condition=~models.Q(corr_id=""),
                name="policy_decisions_by_trace",
            ),
            models.Index(
                fields=["tenant_id", "subject_ref", "-id"],
                name="policy_decisions_by_subject",
                condition=~models.Q(subject_ref=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract} · {self.decision_class}"


class Backtest(TenantModel):
    """An offline evaluation of a contract over many rows; the rows are dropped when it ends."""

    contract = models.CharField(max_length=63)
    version = models.CharField(max_length=40)
    baseline = models.CharField(max_length=40, blank=True, default="", help_text="version compared with")
    source = models.CharField(max_length=10, help_text="csv, jsonl, parquet or history")
    label_key = models.CharField(max_length=63, blank=True, default="")
    file_name = models.CharField(max_length=200, blank=True, default="")
    options = models.JSONField(default=dict, blank=True, help_text="mapping, segments, window of the history")
    state = models.CharField(max_length=10, choices=BacktestState.choices, default=BacktestState.QUEUED)
    progress = models.PositiveSmallIntegerField(default=0)
    upload = models.BinaryField(null=True, editable=False, help_text="sealed, until the run ends")
    report = models.JSONField(null=True, blank=True)
    flips = models.BinaryField(null=True, editable=False, help_text="every decision that flips, sealed")
    bad_rows = models.BinaryField(null=True, editable=False, help_text="every invalid row's number, sealed")
    error = models.CharField(max_length=500, blank=True, default="", help_text="why it failed, or waits")
    attempts = models.PositiveSmallIntegerField(default=0)
    lease = models.UUIDField(null=True, blank=True, editable=False, help_text="the run that may write")
    dispatched_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    share_key = models.CharField(max_length=32, blank=True, default="", help_text="links under another end")
    created_by = models.CharField(max_length=120, blank=True, default="")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [*TenantModel.Meta.constraints]
        indexes = [
            models.Index(fields=["tenant_id", "-id"], name="policy_decisions_backtest_new"),
            models.Index(
                fields=["tenant_id", "state"],
                name="policy_decisions_backtest_open",
                condition=models.Q(state__in=["draft", "queued", "running"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract} {self.version} · {self.state}"
