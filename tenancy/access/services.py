"""The one question, and the acts that change its answer."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import DatabaseError

from decisionos.kernel import clock, errors
from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.tenants import scope
from tenancy.access import mapping, objects, registry, rules
from tenancy.access.enums import Effect, ScopeKind, SubjectKind
from tenancy.access.models import RoleGrant
from tenancy.organizations.models import Organization, Project


class PermissionDenied(errors.Denied):
    """The subject may not do this here."""

    code = "permission_denied"
    title = "You do not have the permission for this"


class GrantInvalid(errors.Invalid):
    """A field of a grant is not acceptable."""

    code = "grant_invalid"
    title = "The grant is not acceptable"


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks: a person or a key, in one organization."""

    kind: str
    id: uuid.UUID
    tenant_id: uuid.UUID
    role: str = ""
    scopes: tuple[str, ...] = ()
    name: str = ""
    user_id: uuid.UUID | None = None
    project_id: uuid.UUID | None = None
    tenant_slug: str = ""
    extra: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def actor(self) -> str:
        """Return how the subject is named in the ledger; never a personal name."""
        return f"{self.kind}:{self.id}"


def list_grants(subject: Subject) -> list[rules.Grant]:
    """Return the grants of a subject in the organization in force; a personal token has its person's too."""
    wanted = [(subject.kind, subject.id)]
    if subject.kind == SubjectKind.KEY and subject.user_id:
        wanted.append((SubjectKind.USER, subject.user_id))
    found: list[rules.Grant] = []
    for kind, identifier in wanted:
        rows = RoleGrant.objects.filter(
            tenant_id=subject.tenant_id, subject_kind=kind, subject_id=identifier, revoked_at__isnull=True
        )
        found += [
            rules.Grant(row.role, row.permission, row.effect, row.scope_kind, row.scope_id, row.expires_at)
            for row in rows
        ]
    return found


def place_of(subject: Subject, resource: Any, context: dict[str, Any]) -> rules.Place:
    """Return where something would be done: by default where the key itself is bound to."""
    environment = context.get("environment_id")
    if isinstance(resource, Organization):
        return rules.Place(None, environment)
    named = resource.id if isinstance(resource, Project) else getattr(resource, "project_id", None)
    return rules.Place(named or context.get("project_id") or subject.project_id, environment)


def check_place(subject: Subject, resource: Any) -> None:
    """Refuse a key that is bound to one project what lies outside of it; raises PermissionDenied."""
    bound = subject.project_id
    if bound is not None and place_of(subject, resource, {}).project_id != bound:
        raise PermissionDenied("This key works in another project.", extra={"project_id": str(bound)})


def is_allowed(
    subject: Subject,
    action: str,
    resource: Any = None,
    context: dict[str, Any] | None = None,
    *,
    now: datetime | None = None,
) -> bool:
    """Return whether a subject may do something; an error denies."""
    if getattr(resource, "tenant_id", subject.tenant_id) != subject.tenant_id:
        return False
    place = place_of(subject, resource, context or {})
    try:
        grants = list_grants(subject)
        if subject.user_id is not None:
            grants += objects.as_grants(subject.user_id, resource)
        roles = mapping.roles_in_force(subject.tenant_id)
    except (DatabaseError, errors.DosError):
        return False
    return rules.judge(
        action=action,
        role=subject.role,
        scopes=subject.scopes,
        grants=grants,
        place=place,
        now=now or clock.now(),
        roles=roles,
        bound=subject.project_id,
    )


def authorize(
    subject: Subject | None, action: str, resource: Any = None, context: dict[str, Any] | None = None
) -> None:
    """Ask whether a subject may do something; raises PermissionDenied, Unauthenticated."""
    if subject is None:
        raise errors.Unauthenticated("Send an API key in X-Api-Key, or a bearer token.")
    if not is_allowed(subject, action, resource, context):
        raise PermissionDenied(f"{action} is not permitted.", extra={"permission": action})


def grant(
    *,
    subject_kind: str,
    subject_id: uuid.UUID,
    role: str = "",
    permission: str = "",
    scope_kind: str = ScopeKind.ORGANIZATION,
    scope_id: uuid.UUID | None = None,
    effect: str = Effect.ALLOW,
    expires_at: datetime | None = None,
    granted_by: str = "",
) -> RoleGrant:
    """Grant a role or a permission in the organization in force; raises GrantInvalid."""
    problems = []
    if bool(role) == bool(permission):
        problems.append({"pointer": "/role", "message": "give either a role or a permission"})
    known = mapping.roles_in_force(scope.require())
    if role and role not in known:
        problems.append({"pointer": "/role", "message": f"not one of {sorted(known)}"})
    if permission and permission not in registry.PERMISSIONS:
        problems.append({"pointer": "/permission", "message": "not a known permission"})
    if (scope_kind == ScopeKind.ORGANIZATION) != (scope_id is None):
        problems.append(
            {"pointer": "/scope_id", "message": "belongs to the scopes project and environment only"}
        )
    if expires_at is not None and expires_at <= clock.now():
        problems.append({"pointer": "/expires_at", "message": "must lie in the future"})
    if problems:
        raise GrantInvalid("The grant is not acceptable.", errors=problems)
    made = RoleGrant.objects.create(
        tenant_id=scope.require(),
        subject_kind=subject_kind,
        subject_id=subject_id,
        role=role,
        permission=permission,
        scope_kind=scope_kind,
        scope_id=scope_id,
        effect=effect,
        expires_at=expires_at,
        granted_by=granted_by,
    )
    ledger.append(
        kind="access.granted",
        payload={
            "subject": f"{subject_kind}:{subject_id}",
            "what": role or permission,
            "effect": str(effect),
        },
        subject_type="role_grant",
        subject_id=str(made.id),
    )
    return made


def revoke(*, grant_id: uuid.UUID, now: datetime | None = None) -> RoleGrant:
    """End a grant; raises NotFound. Safe to repeat."""
    found = RoleGrant.objects.select_for_update().filter(id=grant_id).first()
    if found is None:
        raise errors.NotFound("No such grant in this organization.", code="grant_not_found")
    if found.revoked_at is None:
        found.revoked_at = now or clock.now()
        found.save(update_fields=["revoked_at"])
        ledger.append(
            kind="access.revoked",
            payload={"what": found.role or found.permission},
            subject_type="role_grant",
            subject_id=str(found.id),
        )
    return found
