"""App configuration."""

from __future__ import annotations

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """The ledger."""

    name = "decisionos.kernel.ledger"
    label = "kernel_ledger"
    verbose_name = "Ledger"
