"""Reads of rulesets."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from decisionos.kernel import errors
from policy.rules.models import RulesetVersion


class RulesetNotFound(errors.NotFound):
    """There is no such version of a ruleset."""

    code = "rules_missing"
    title = "The ruleset is missing"


def list_versions(*, name: str | None = None) -> QuerySet[RulesetVersion]:
    """Return the versions, newest first."""
    found = RulesetVersion.objects.order_by("-id")
    return found.filter(name=name) if name else found


def get_version(*, name: str, version: str) -> RulesetVersion:
    """Return one version; raises RulesetNotFound."""
    found = RulesetVersion.objects.filter(name=name, version=version).first()
    if found is None:
        raise RulesetNotFound(f"There is no version {version} of the ruleset {name!r}.")
    return found


def as_json(row: RulesetVersion, *, source: bool = False) -> dict[str, Any]:
    """Return a version as the API shows it."""
    shown = {
        "id": str(row.id),
        "name": row.name,
        "version": row.version,
        "digest": row.digest,
        "created_by": row.created_by,
        "created_at": row.created_at.isoformat(),
    }
    return {**shown, "source": row.source} if source else shown
