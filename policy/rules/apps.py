"""App configuration."""

from __future__ import annotations

from django.apps import AppConfig


class RulesConfig(AppConfig):
    """The rule language and the rulesets of each tenant."""

    name = "policy.rules"
    label = "policy_rules"
    verbose_name = "Rules"
