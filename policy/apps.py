"""The domain that decides; its parts are apps of their own."""

from __future__ import annotations

from django.apps import AppConfig


class PolicyConfig(AppConfig):
    """The domain that decides; its parts are apps of their own."""

    name = "policy"
    label = "policy"
    verbose_name = "Policy"
    icon = "decisions"
    order = 10
