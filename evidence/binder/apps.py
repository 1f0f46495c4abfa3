"""The app."""

from __future__ import annotations

from django.apps import AppConfig


class BinderConfig(AppConfig):
    """The evidence binder."""

    name = "evidence.binder"
    label = "evidence_binder"
    verbose_name = "Evidence binder"
