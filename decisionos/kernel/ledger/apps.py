"""App configuration."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig

from decisionos.kernel.web import probes


class LedgerConfig(AppConfig):
    """The ledger."""

    name = "decisionos.kernel.ledger"
    label = "kernel_ledger"
    verbose_name = "Ledger"

    def ready(self) -> None:
        """Tell the probes how to ask after the sealer."""
        # The module needs the models, which are not there yet when this one is loaded.
        health = import_module("decisionos.kernel.ledger.health")
        probes.add_check("sealer", health.find_lag)
