"""The composition root as an app: it lends the commands that bring the product up."""

from __future__ import annotations

from django.apps import AppConfig


class DecisionOSConfig(AppConfig):
    """The product itself."""

    name = "decisionos"
    label = "decisionos"
    verbose_name = "DecisionOS"
