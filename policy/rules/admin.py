"""Rulesets in the admin: written by services, looked at here."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from decisionos.kernel.admin.base import ReadOnlyAdmin
from policy.rules.models import RulesetDraft, RulesetDraftText, RulesetVersion


@admin.register(RulesetVersion)
class RulesetVersionAdmin(ReadOnlyAdmin):
    """The versions of every ruleset with their source."""

    icon = "rules"
    about = _("Every version that was ever saved.")
    list_display = ("name", "version", "base", "origin", "created_by", "created_at")
    list_filter = ("origin",)
    search_fields = ("name", "version")
    date_hierarchy = None


@admin.register(RulesetDraft)
class RulesetDraftAdmin(ReadOnlyAdmin):
    """What is being written, by whom."""

    icon = "pencil"
    about = _("What is being written now.")
    list_display = ("ruleset", "contract", "author", "base_version", "revision", "saved_at")
    search_fields = ("ruleset", "contract", "=author")


@admin.register(RulesetDraftText)
class RulesetDraftTextAdmin(ReadOnlyAdmin):
    """The earlier texts of drafts."""

    icon = "history"
    about = _("Earlier texts of drafts.")
    list_display = ("draft", "revision", "saved_at")
    list_select_related = ("draft",)
