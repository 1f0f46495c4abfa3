"""App configuration."""

from __future__ import annotations

from django.apps import AppConfig


class IdempotencyConfig(AppConfig):
    """Kept answers of writes."""

    name = "decisionos.kernel.idempotency"
    label = "kernel_idempotency"
    verbose_name = "Idempotency"
