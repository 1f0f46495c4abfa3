"""States of a signing key."""

from __future__ import annotations

from django.db import models


class KeyState(models.TextChoices):
    """Whether a key still signs."""

    ACTIVE = "active"
    RETIRED = "retired"


class Algorithm(models.TextChoices):
    """What signs."""

    ED25519 = "Ed25519"
