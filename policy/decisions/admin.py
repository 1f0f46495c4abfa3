"""Contracts, decisions and evaluations in the admin; machines write them, people look."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from decisionos.kernel.admin.actions import reasoned
from decisionos.kernel.admin.base import ReadOnlyAdmin
from decisionos.kernel.ledger import acting
from policy.decisions.backtests import services
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

    icon = "file"
    about = _("What may be asked, and what answers it.")
    list_display = ("name", "version", "state", "purpose", "created_by", "created_at", "activated_at")
    list_filter = ("state",)
    search_fields = ("name", "version")


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    """What was decided and why; the sealed input stays sealed."""

    icon = "decisions"
    about = _("What was decided and why; inputs stay sealed.")
    console_page = "decision"
    list_display = ("id", "contract", "contract_version", "decision_class", "confidence", "decided_at")
    list_filter = ("decision_class", "contract")
    search_fields = ("=id", "=subject_ref", "=corr_id")
    exclude = ("sealed",)


@admin.register(Backtest)
class BacktestAdmin(ReadOnlyAdmin):
    """Offline evaluations and where they stand."""

    icon = "backtests"
    about = _("How a version would have decided.")
    list_display = ("contract", "version", "baseline", "source", "state", "progress", "created_at")
    list_filter = ("state", "source")
    exclude = ("upload", "flips", "bad_rows", "share_key", "lease")
    actions = ("cancel",)

    @reasoned(
        label=_("Cancel"),
        consequence=_("What waits or runs ends at its next step and writes nothing more."),
        permission="decision.simulate",
    )
    def cancel(self, request: HttpRequest, row: Backtest) -> None:
        """End an evaluation through the service."""
        services.cancel_backtest(backtest_id=row.id, actor=acting.current())


@admin.register(HourlyOutcome)
class HourlyOutcomeAdmin(ReadOnlyAdmin):
    """How many decisions of one hour came out alike."""

    icon = "bar-chart"
    about = _("Decisions of an hour, by outcome.")
    list_display = ("hour", "contract", "contract_version", "decision_class", "reasons", "decisions")
    list_filter = ("decision_class", "contract")
    ordering = ("-hour",)


@admin.register(HourlyDuration)
class HourlyDurationAdmin(ReadOnlyAdmin):
    """How long the decisions of one hour took."""

    icon = "timer"
    about = _("How long decisions took.")
    list_display = ("hour", "contract", "environment", "bucket", "decisions")
    ordering = ("-hour",)


@admin.register(Progress)
class ProgressAdmin(ReadOnlyAdmin):
    """How far the chain is counted."""

    icon = "loader"
    about = _("How far the chain is counted.")
    list_display = ("tenant_id", "seq", "updated_at")
