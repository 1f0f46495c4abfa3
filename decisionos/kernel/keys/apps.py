"""App configuration."""

from __future__ import annotations

from django.apps import AppConfig


class KeysConfig(AppConfig):
    """Signing keys."""

    name = "decisionos.kernel.keys"
    label = "kernel_keys"
    verbose_name = "Signing keys"
