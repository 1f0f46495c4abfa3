"""The kernel as an app: it lends its management commands and registers system checks."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class KernelConfig(AppConfig):
    """The root of the kernel; its parts are apps of their own."""

    name = "decisionos.kernel"
    label = "kernel"
    verbose_name = _("Record and machinery")
    icon = "ledger"
    order = 30
