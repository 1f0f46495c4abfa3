"""App configuration."""

from __future__ import annotations

from django.apps import AppConfig


class PacksConfig(AppConfig):
    """Signed packs of contracts and rulesets."""

    name = "policy.packs"
    label = "policy_packs"
    verbose_name = "Packs"
