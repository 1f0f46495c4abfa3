"""Contracts, decisions and evaluations in the admin; machines write them, people look."""

from __future__ import annotations

from django.contrib import admin

from decisionos.kernel.admin.base import ReadOnlyAdmin
from policy.decisions.models import (
    Backtest,
    ContractVersion,
    Decision,
    HourlyDuration,
    HourlyOutcome,
    Progress,
)


@admin.register(ContractVersion)
class ContractVersionAdmin(ReadOnlyAdmin):
    """The versions of every contract."""

    list_display = ("name", "version", "state", "purpose", "created_by", "created_at", "activated_at")
    list_filter = ("state",)
    search_fields = ("name", "version")


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    """What was decided and why; the sealed input stays sealed."""

    list_display = ("id", "contract", "contract_version", "decision_class", "confidence", "decided_at")
    list_filter = ("decision_class", "contract")
    search_fields = ("=id", "=subject_ref", "=corr_id")
    exclude = ("sealed",)


@admin.register(Backtest)
class BacktestAdmin(ReadOnlyAdmin):
    """Offline evaluations and where they stand."""

    list_display = ("contract", "version", "baseline", "source", "state", "progress", "created_at")
    list_filter = ("state", "source")
    exclude = ("upload", "flips", "bad_rows", "share_key", "lease")


@admin.register(HourlyOutcome)
class HourlyOutcomeAdmin(ReadOnlyAdmin):
    """How many decisions of one hour came out alike."""

    list_display = ("hour", "contract", "contract_version", "decision_class", "reasons", "decisions")
    list_filter = ("decision_class", "contract")
    ordering = ("-hour",)


@admin.register(HourlyDuration)
class HourlyDurationAdmin(ReadOnlyAdmin):
    """How long the decisions of one hour took."""

    list_display = ("hour", "contract", "environment", "bucket", "decisions")
    ordering = ("-hour",)


@admin.register(Progress)
class ProgressAdmin(ReadOnlyAdmin):
    """How far the chain is counted."""

    list_display = ("tenant_id", "seq", "updated_at")
