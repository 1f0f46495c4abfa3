"""Rulesets in the admin: written by services, looked at here."""

from __future__ import annotations

from django.contrib import admin

from decisionos.kernel.admin.base import ReadOnlyAdmin
from policy.rules.models import RulesetVersion


@admin.register(RulesetVersion)
class RulesetVersionAdmin(ReadOnlyAdmin):
    """The versions of every ruleset with their source."""

    list_display = ("name", "version", "created_by", "created_at")
    search_fields = ("name", "version")
    date_hierarchy = None
