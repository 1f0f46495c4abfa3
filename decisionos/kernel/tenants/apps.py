"""App configuration."""

from __future__ import annotations

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Isolation has no tables of its own."""

    name = "decisionos.kernel.tenants"
    label = "kernel_tenants"
    verbose_name = "Isolation"
