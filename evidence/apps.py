"""The domain's name in the admin; it has no models of its own."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EvidenceConfig(AppConfig):
    """Evidence."""

    name = "evidence"
    label = "evidence"
    verbose_name = _("Evidence")
    icon = "shield-check"
    order = 40
