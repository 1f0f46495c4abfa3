"""Choices of access."""

from __future__ import annotations

from django.db import models


class Effect(models.TextChoices):
    """What a grant does; deny beats allow."""

    ALLOW = "allow", "allow"
    DENY = "deny", "deny"


class ScopeKind(models.TextChoices):
    """Where a grant holds."""

    ORGANIZATION = "organization", "organization"
    PROJECT = "project", "project"
    ENVIRONMENT = "environment", "environment"


class SubjectKind(models.TextChoices):
    """Who a grant is for."""

    USER = "user", "person"
    KEY = "key", "API key"
