"""The ledger's rows: entries, their seals, signed checkpoints, and the tiles of the Merkle tree.

All four are insert-only. An entry is written by whoever acts; the other three by the sealer alone. What a
verification found is kept beside them.
"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Cast

from decisionos.kernel import clock
from decisionos.kernel.ledger.enums import RunState
from decisionos.kernel.tenants.models import TenantModel


class Entry(TenantModel):
    """Something that happened. The digest covers every field a reader sees."""

    kind = models.CharField(max_length=80)
    subject_type = models.CharField(max_length=60, blank=True, default="")
    subject_id = models.CharField(max_length=120, blank=True, default="")
    actor = models.CharField(max_length=120, blank=True, default="")
    corr_id = models.CharField(max_length=64, blank=True, default="")
    payload = models.JSONField()
    occurred_at = models.DateTimeField(default=clock.now)
    digest = models.CharField(max_length=64)
    # The writing transaction: the sealer takes only what is older than every transaction still running.
    xid = models.BigIntegerField(
        editable=False,
        db_default=Cast(
            Cast(
                models.Func(function="pg_current_xact_id", output_field=models.TextField()),
                models.TextField(),
            ),
            models.BigIntegerField(),
        ),
    )

    class Meta:
        constraints = [*TenantModel.Meta.constraints]
        indexes = [
            models.Index(fields=["tenant_id", "xid", "id"], name="kernel_ledger_order"),
            models.Index(fields=["tenant_id", "subject_type", "subject_id"], name="kernel_ledger_subject"),
            models.Index(fields=["tenant_id", "-occurred_at", "-id"], name="kernel_ledger_time"),
            models.Index(fields=["tenant_id", "kind", "-occurred_at", "-id"], name="kernel_ledger_kind"),
        ]
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.kind} · {self.id}"


class Seal(TenantModel):
    """An entry's place in the chain: its number, the hash before it and the hash after it."""

    entry = models.OneToOneField(Entry, on_delete=models.PROTECT, related_name="seal")
    seq = models.BigIntegerField()
    prev = models.CharField(max_length=64)
    curr = models.CharField(max_length=64)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["tenant_id", "seq"], name="kernel_ledger_seal_seq"),
        ]

    def __str__(self) -> str:
        return f"#{self.seq}"


class Checkpoint(TenantModel):
    """The signed state of the chain at one size."""

    size = models.BigIntegerField()
    root = models.CharField(max_length=64)
    head = models.CharField(max_length=64)
    kid = models.CharField(max_length=80)
    signature = models.CharField(max_length=100)
    created_at = models.DateTimeField(default=clock.now)
    previous = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    # Where the sealer goes on: the peaks of the tree, and the transaction below which all is sealed.
    peaks = models.BinaryField()
    horizon = models.BigIntegerField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["tenant_id", "size"], name="kernel_ledger_checkpoint_size"),
        ]

    def __str__(self) -> str:
        return f"{self.size} · {self.root[:12]}"


class Tile(TenantModel):
    """256 neighbouring hashes of one level of the Merkle tree, written once all of them are known."""

    level = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    hashes = models.BinaryField()
    root = models.BinaryField()

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["tenant_id", "level", "index"], name="kernel_ledger_tile_place"),
        ]

    def __str__(self) -> str:
        return f"{self.level}/{self.index}"


class VerificationRun(TenantModel):
    """A verification of the whole chain, in the background: how far it is, and what it found."""

    state = models.CharField(max_length=8, choices=RunState.choices, default=RunState.QUEUED)
    is_valid = models.BooleanField(null=True, blank=True)
    entries = models.PositiveBigIntegerField(default=0, help_text="to be checked, then checked")
    checked = models.PositiveBigIntegerField(default=0)
    checkpoints = models.PositiveBigIntegerField(default=0)
    result = models.JSONField(default=dict, blank=True)
    error = models.CharField(max_length=500, blank=True, default="")
    started_by = models.CharField(max_length=120, blank=True, default="")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [*TenantModel.Meta.constraints]
        indexes = [models.Index(fields=["tenant_id", "-id"], name="kernel_ledger_run_new")]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M} · {self.state}"

    @property
    def is_finished(self) -> bool:
        """Return whether the run has ended."""
        return self.state in {RunState.DONE, RunState.FAILED}

    @property
    def percent(self) -> int:
        """Return how much of the chain is checked."""
        if self.state == RunState.DONE:
            return 100
        return min(99, self.checked * 100 // self.entries) if self.entries else 0
