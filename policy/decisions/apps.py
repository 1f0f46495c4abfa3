"""App configuration."""

from __future__ import annotations

from django.apps import AppConfig

from policy.packs import components
from policy.rules import uses


class DecisionsConfig(AppConfig):
    """The decision pipeline and its records."""

    name = "policy.decisions"
    label = "policy_decisions"
    verbose_name = "Decisions"

    def ready(self) -> None:
        """Tell packs who installs contracts, rules who uses them, access what one is; models exist now."""
        from policy.decisions.contracts.services import PackContracts  # noqa: PLC0415
        from policy.decisions.contracts.workbench import Workbench  # noqa: PLC0415
        from policy.decisions.models import ContractVersion  # noqa: PLC0415
        from tenancy.access import objects  # noqa: PLC0415

        components.register("contracts", PackContracts())
        uses.register(Workbench())
        objects.register(
            objects.Kind("contract", ContractVersion, "name", frozenset({"policy.read", "policy.write"}))
        )
