"""Choices of this app's models."""

from __future__ import annotations

from django.db import models


class ContractState(models.TextChoices):
    """A draft, the version in force, or one that was."""

    DRAFT = "draft", "Draft"
    ACTIVE = "active", "Active"
    RETIRED = "retired", "Retired"


class DecisionClass(models.TextChoices):
    """What a decision can say."""

    APPROVE = "approve", "Approve"
    REVIEW = "review", "Review"
    REJECT = "reject", "Reject"


class BacktestState(models.TextChoices):
    """Where an offline evaluation stands."""

    DRAFT = "draft", "Waits for its columns"
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
