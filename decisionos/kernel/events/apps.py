"""App configuration: finds the subscribers of every app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class EventsConfig(AppConfig):
    """The outbox."""

    name = "decisionos.kernel.events"
    label = "kernel_events"
    verbose_name = "Events"

    def ready(self) -> None:
        """Load every ``subscribers.py``."""
        autodiscover_modules("subscribers")
