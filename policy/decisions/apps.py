"""App configuration."""

from __future__ import annotations

from django.apps import AppConfig

from policy.packs import components


class DecisionsConfig(AppConfig):
    """The decision pipeline and its records."""

    name = "policy.decisions"
    label = "policy_decisions"
    verbose_name = "Decisions"

    def ready(self) -> None:
        """Tell packs who installs the contracts of a pack; models exist only from here on."""
        from policy.decisions.contracts.services import PackContracts  # noqa: PLC0415

        components.register("contracts", PackContracts())
