"""The judgement itself: pure, from what is known of the subject, its grants and the place asked about."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from tenancy.access import registry


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant as plain data."""

    role: str
    permission: str
    effect: str
    scope_kind: str
    scope_id: uuid.UUID | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is to be done; None means the organization as a whole."""

    project_id: uuid.UUID | None = None
    environment_id: uuid.UUID | None = None


def _covers(grant: Grant, action: str, roles: Mapping[str, frozenset[str]]) -> bool:
    return grant.permission == action if grant.permission else action in roles.get(grant.role, ())


def _holds(grant: Grant, place: Place, now: datetime) -> bool:
    if grant.expires_at is not None and grant.expires_at <= now:
        return False
    if grant.scope_kind == "organization":
        return True
    if grant.scope_kind == "project":
        return place.project_id is not None and grant.scope_id == place.project_id
    return place.environment_id is not None and grant.scope_id == place.environment_id


def judge(
    *,
    action: str,
    role: str,
    scopes: tuple[str, ...],
    grants: Iterable[Grant],
    place: Place,
    now: datetime,
    roles: Mapping[str, frozenset[str]] = registry.ROLES,
    bound: uuid.UUID | None = None,
) -> bool:
    """Return whether an action is allowed: silence denies, deny beats allow.

    ``scopes`` narrow a key: where there are any, the action must be among them as well. ``bound`` narrows it
    to one project: nothing of another, and nothing of the organization as a whole. ``roles`` are those of the
    organization.
    """
    if action not in registry.PERMISSIONS:
        return False
    if scopes and action not in scopes:
        return False
    if bound is not None and (action in registry.ORGANIZATION_WIDE or place.project_id != bound):
        return False
    allowed = action in roles.get(role, ())
    for grant in grants:
        if not _covers(grant, action, roles) or not _holds(grant, place, now):
            continue
        if grant.effect == "deny":
            return False
        allowed = True
    return allowed
