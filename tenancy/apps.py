"""The domain as an app: its name and place in the admin."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TenancyConfig(AppConfig):
    """The domain tenancy; its parts are apps of their own."""

    name = "tenancy"
    label = "tenancy"
    verbose_name = _("Tenancy")
    icon = "members"
    order = 20
