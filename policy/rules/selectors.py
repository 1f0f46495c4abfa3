"""Reads of rulesets."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from decisionos.kernel import errors
from policy.rules import differences, sources
from policy.rules.models import RulesetVersion


class RulesetNotFound(errors.NotFound):
    """There is no such version of a ruleset."""

    code = "rules_missing"
    title = "The ruleset is missing"


def list_versions(*, name: str | None = None) -> QuerySet[RulesetVersion]:
    """Return the versions, newest first."""
    found = RulesetVersion.objects.order_by("-id")
    return found.filter(name=name) if name else found


def list_newest() -> QuerySet[RulesetVersion]:
    """Return the newest version of every ruleset, without the sources."""
    newer = RulesetVersion.objects.filter(name=OuterRef("name"), id__gt=OuterRef("id"))
    return RulesetVersion.objects.filter(~Exists(newer)).defer("source").order_by("-id")


def find_newest(*, name: str) -> RulesetVersion | None:
    """Return the newest version of a ruleset, or None."""
    return list_versions(name=name).first() if name else None


def get_version(*, name: str, version: str) -> RulesetVersion:
    """Return one version; raises RulesetNotFound."""
    found = RulesetVersion.objects.filter(name=name, version=version).first()
    if found is None:
        raise RulesetNotFound(f"There is no version {version} of the ruleset {name!r}.")
    return found


def source_of(*, name: str, version: str) -> str:
    """Return the text of a version, or an empty text where there is none."""
    found = RulesetVersion.objects.filter(name=name, version=version).values_list("source", flat=True)
    return found.first() or ""


def compare(*, name: str, old: str, new: str) -> dict[str, Any]:
    """Return the difference of two versions in words and as text; raises RulesetNotFound.

    An empty `old` compares with nothing, so that everything is new.
    """
    after = get_version(name=name, version=new)
    before = get_version(name=name, version=old) if old else None
    return compare_texts(
        before.source if before else "", after.source, names=(f"{name} {old}".strip(), f"{name} {new}")
    )


def compare_texts(before: str, after: str, *, names: tuple[str, str]) -> dict[str, Any]:
    """Return the difference of two texts; in words where both can be read."""
    try:
        earlier = sources.read(before).ruleset if before.strip() else None
        changes = differences.describe(earlier, sources.read(after).ruleset)
    except errors.Invalid:
        changes = []
    return {
        "from": names[0],
        "to": names[1],
        "changes": [change.as_dict() for change in changes],
        "unified": differences.unified(before, after, names=names),
        "rows": differences.side_by_side(before, after),
    }


def as_json(row: RulesetVersion, *, source: bool = False) -> dict[str, Any]:
    """Return a version as the API shows it."""
    shown = {
        "id": str(row.id),
        "name": row.name,
        "version": row.version,
        "digest": row.digest,
        "base": row.base,
        "origin": row.origin,
        "note": row.note,
        "created_by": row.created_by,
        "created_at": row.created_at.isoformat(),
    }
    return {**shown, "kind": sources.kind_of(row.source), "source": row.source} if source else shown
