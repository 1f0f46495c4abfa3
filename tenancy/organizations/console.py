"""What organizations enter into the console: their settings."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from decisionos.kernel.console import registry

registry.nav(
    domain="account",
    name="settings",
    label=_("Organization settings"),
    url_name="settings",
    icon="settings",
    key="g o",
    permission="tenant.admin",
    order=40,
)
