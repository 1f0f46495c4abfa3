"""The ledger in the admin, read-only."""

from __future__ import annotations

from django.contrib import admin

from decisionos.kernel.admin.base import ReadOnlyAdmin
from decisionos.kernel.ledger.models import Checkpoint, Entry, Seal, VerificationRun


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    """What happened, to what, by whom."""

    list_display = ("id", "kind", "subject_type", "subject_id", "actor", "occurred_at")
    list_filter = ("kind",)
    search_fields = ("=id", "=subject_id", "=corr_id")


@admin.register(Seal)
class SealAdmin(ReadOnlyAdmin):
    """An entry's place in the chain."""

    list_display = ("seq", "entry_id", "prev", "curr")
    ordering = ("-seq",)
    raw_id_fields = ("entry",)


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    """What was signed, and when."""

    list_display = ("size", "root", "head", "kid", "created_at")
    fields = ("tenant_id", "size", "root", "head", "kid", "signature", "created_at")


@admin.register(VerificationRun)
class VerificationRunAdmin(ReadOnlyAdmin):
    """What verifications found."""

    list_display = ("created_at", "state", "is_valid", "entries", "checked", "started_by", "finished_at")
    list_filter = ("state", "is_valid")
