"""Saved views in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from decisionos.kernel.admin.base import TenantModelAdmin
from decisionos.kernel.console.models import SavedView


@admin.register(SavedView)
class SavedViewAdmin(TenantModelAdmin):
    """Who keeps which view."""

    icon = "bookmark"
    about = _("Filters that people keep under a name.")
    list_display = ("name", "page", "user_id", "shared", "created_at")
    search_fields = ("name", "page")
