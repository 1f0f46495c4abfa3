"""The domain as an app: its name and place in the admin."""

from __future__ import annotations

from django.apps import AppConfig


class TenancyConfig(AppConfig):
    """The domain tenancy; its parts are apps of their own."""

    name = "tenancy"
    label = "tenancy"
    verbose_name = "Tenancy"
    icon = "members"
    order = 20
