"""App configuration."""

from __future__ import annotations

from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    """Privacy."""

    name = "tenancy.privacy"
    label = "tenancy_privacy"
    verbose_name = "Privacy"
