"""Choices of the organizations."""

from __future__ import annotations

from django.db import models


class OrganizationStatus(models.TextChoices):
    """Whether an organization may work."""

    ACTIVE = "active", "active"
    SUSPENDED = "suspended", "suspended"


class EnvironmentKind(models.TextChoices):
    """Stages of a project."""

    DEV = "dev", "development"
    STAGE = "stage", "staging"
    PROD = "prod", "production"


class ConfigState(models.TextChoices):
    """Life of a configuration version."""

    DRAFT = "draft", "draft"
    INVALID = "invalid", "invalid"
    VALIDATED = "validated", "validated"
    ACTIVE = "active", "active"
    SUPERSEDED = "superseded", "superseded"
