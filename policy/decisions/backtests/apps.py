"""App configuration."""

from __future__ import annotations

from django.apps import AppConfig


class BacktestsConfig(AppConfig):
    """Offline evaluations; their rows lie with the decisions, whose model this app uses."""

    name = "policy.decisions.backtests"
    label = "policy_backtests"
    verbose_name = "Backtests"
