"""App configuration."""

from __future__ import annotations

from django.apps import AppConfig


class IdentityConfig(AppConfig):
    """Identity."""

    name = "tenancy.identity"
    label = "tenancy_identity"
    verbose_name = "Identity"
