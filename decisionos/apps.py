"""The composition root as an app: it lends the commands that bring the product up."""

from __future__ import annotations

from django.apps import AppConfig

from decisionos.celery import app as celery_app


class DecisionOSConfig(AppConfig):
    """The product itself."""

    name = "decisionos"
    label = "decisionos"
    verbose_name = "DecisionOS"
    # Held here so that every process knows the broker, the web server's too, before it sends the first task.
    tasks = celery_app
