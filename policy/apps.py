"""The domain that decides; its parts are apps of their own."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PolicyConfig(AppConfig):
    """The domain that decides; its parts are apps of their own."""

    name = "policy"
    label = "policy"
    verbose_name = _("Policy")
    icon = "decisions"
    order = 10
