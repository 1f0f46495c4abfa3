"""App configuration."""

from __future__ import annotations

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Access."""

    name = "tenancy.access"
    label = "tenancy_access"
    verbose_name = "Access"
