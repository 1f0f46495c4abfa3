"""Choices of identity."""

from __future__ import annotations

from django.db import models


class KeyKind(models.TextChoices):
    """Who a key stands for."""

    SERVICE = "service", "service key"
    PERSONAL = "personal", "personal access token"
