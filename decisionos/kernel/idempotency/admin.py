"""Kept answers in the admin, read-only."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from decisionos.kernel.admin.base import ReadOnlyAdmin
from decisionos.kernel.idempotency.models import Record


@admin.register(Record)
class RecordAdmin(ReadOnlyAdmin):
    """Which keys were used, and the status they got."""

    icon = "undo"
    about = _("Answers kept for repeated requests.")
    list_display = ("key", "status", "created_at")
    search_fields = ("key",)
    exclude = ("body",)
