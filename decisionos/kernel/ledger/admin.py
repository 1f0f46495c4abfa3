"""The ledger in the admin, read-only."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from decisionos.kernel.admin.base import ReadOnlyAdmin
from decisionos.kernel.ledger.models import Checkpoint, Entry, Seal, VerificationRun


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    """What happened, to what, by whom."""

    icon = "ledger"
    about = _("Everything that was recorded.")
    console_page = "ledger-entry"
    list_display = ("id", "kind", "subject_type", "subject_id", "actor", "occurred_at")
    list_filter = ("kind",)
    search_fields = ("=id", "=subject_id", "=corr_id")


@admin.register(Seal)
class SealAdmin(ReadOnlyAdmin):
    """An entry's place in the chain."""

    icon = "link"
    about = _("An entry's place in the chain.")
    list_display = ("seq", "entry_id", "prev", "curr")
    ordering = ("-seq",)
    raw_id_fields = ("entry",)


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    """What was signed, and when."""

    icon = "lock"
    about = _("Signed states of the chain.")
    list_display = ("size", "root", "head", "kid", "created_at")
    fields = ("tenant_id", "size", "root", "head", "kid", "signature", "created_at")


@admin.register(VerificationRun)
class VerificationRunAdmin(ReadOnlyAdmin):
    """What verifications found."""

    icon = "shield-check"
    about = _("What verifications found.")
    list_display = ("created_at", "state", "is_valid", "entries", "checked", "started_by", "finished_at")
    list_filter = ("state", "is_valid")
