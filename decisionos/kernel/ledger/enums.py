"""Choices of the ledger."""

from __future__ import annotations

from django.db import models


class RunState(models.TextChoices):
    """Where a verification stands."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
