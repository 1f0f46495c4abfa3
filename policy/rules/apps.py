"""App configuration."""

from __future__ import annotations

from django.apps import AppConfig


class RulesConfig(AppConfig):
    """The rule language and the rulesets of each tenant."""

    name = "policy.rules"
    label = "policy_rules"
    verbose_name = "Rules"

    def ready(self) -> None:
        """Tell access what a ruleset is; models exist only from here on."""
        from policy.rules.models import RulesetVersion  # noqa: PLC0415
        from tenancy.access import objects  # noqa: PLC0415

        objects.register(
            objects.Kind("ruleset", RulesetVersion, "name", frozenset({"policy.read", "policy.write"}))
        )
