"""App configuration."""

from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    """The web doors have no tables."""

    name = "decisionos.kernel.web"
    label = "kernel_web"
    verbose_name = "Web"
