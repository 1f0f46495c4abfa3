"""Kept answers in the admin, read-only."""

from __future__ import annotations

from django.contrib import admin

from decisionos.kernel.admin.base import ReadOnlyAdmin
from decisionos.kernel.idempotency.models import Record


@admin.register(Record)
class RecordAdmin(ReadOnlyAdmin):
    """Which keys were used, and the status they got."""

    list_display = ("key", "status", "created_at")
    search_fields = ("key",)
    exclude = ("body",)
