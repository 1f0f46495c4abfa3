"""App configuration."""

from __future__ import annotations

from django.apps import AppConfig


class OrganizationsConfig(AppConfig):
    """Organizations."""

    name = "tenancy.organizations"
    label = "tenancy_organizations"
    verbose_name = "Organizations"
