"""Permissions on a single object: one project, one contract, one ruleset, for one person.

They are django-guardian's object permissions, in a table of ours under row-level security. The sub-domain
that owns a kind of object registers it here with the permissions that can be granted on one of it. An object
that has versions is meant by its name, so that a grant outlives the version it was given on.
What must stay true: a permission on one object opens no other; a denial beats it; it reaches members only.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import models

from decisionos.kernel import errors
from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.tenants import scope
from tenancy.access import registry, rules
from tenancy.access.enums import Effect, ScopeKind
from tenancy.access.models import ObjectPermission
from tenancy.identity.models import Membership


class ObjectGrantInvalid(errors.Invalid):
    """A field of a permission on an object is not acceptable."""

    code = "object_grant_invalid"
    title = "The permission on an object is not acceptable"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object: its model, the field it is meant by, and what can be granted on one of it."""

    name: str
    model: type[models.Model]
    key: str
    permissions: frozenset[str]

    def key_of(self, instance: models.Model) -> str:
        """Return by what an object of this kind is meant."""
        return str(getattr(instance, self.key))


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make a kind of object known; safe to repeat."""
    _kinds[kind.name] = kind


def kinds() -> list[Kind]:
    """Return every kind of object, by name."""
    return [_kinds[name] for name in sorted(_kinds)]


def kind_of(instance: Any) -> Kind | None:
    """Return the kind of an object, or None where it has none."""
    return next((kind for kind in _kinds.values() if type(instance) is kind.model), None)


def as_grants(user_id: uuid.UUID, instance: Any) -> list[rules.Grant]:
    """Return what a person was granted on one object, as grants that hold for it alone."""
    kind = kind_of(instance)
    if kind is None:
        return []
    rows = ObjectPermission.objects.filter(
        tenant_id=scope.require(),
        user_id=user_id,
        content_type=ContentType.objects.get_for_model(kind.model),
        object_pk=kind.key_of(instance),
    ).select_related("permission")
    return [
        rules.Grant("", row.action, Effect.ALLOW.value, ScopeKind.ORGANIZATION.value, None, None)
        for row in rows
    ]


def _checked(kind_name: str, key: str, permission: str, user_id: uuid.UUID) -> Kind:
    kind = _kinds.get(kind_name)
    problems = []
    if kind is None:
        problems.append({"pointer": "/kind", "message": f"not one of {', '.join(sorted(_kinds))}"})
    elif permission not in kind.permissions:
        allowed = ", ".join(sorted(kind.permissions))
        problems.append({"pointer": "/permission", "message": f"on a {kind_name}: {allowed}"})
    if problems or kind is None:
        raise ObjectGrantInvalid("The permission cannot be granted.", errors=problems)
    if not Membership.objects.filter(tenant_id=scope.require(), user_id=user_id).exists():
        raise errors.NotFound("There is no such member.", code="member_not_found")
    if not _exists(kind, key):
        raise errors.NotFound(f"There is no such {kind_name}.", code=f"{kind_name}_not_found")
    return kind


def _exists(kind: Kind, key: str) -> bool:
    rows: Any = kind.model._default_manager
    try:
        return bool(rows.filter(tenant_id=scope.require(), **{kind.key: key}).exists())
    except (ValidationError, ValueError):
        return False


def _permission(kind: Kind, name: str) -> Permission:
    content_type = ContentType.objects.get_for_model(kind.model)
    found, _ = Permission.objects.get_or_create(
        content_type=content_type, codename=name, defaults={"name": registry.PERMISSIONS[name][:255]}
    )
    return found


def grant_object(
    *, user_id: uuid.UUID, kind: str, key: str, permission: str, granted_by: str = ""
) -> ObjectPermission:
    """Grant a member one permission on one object; raises ObjectGrantInvalid, NotFound. Safe to repeat."""
    known = _checked(kind, key, permission, user_id)
    wanted = {
        "tenant_id": scope.require(),
        "user_id": user_id,
        "permission": _permission(known, permission),
        "content_type": ContentType.objects.get_for_model(known.model),
        "object_pk": key,
    }
    fresh = ObjectPermission(**wanted, granted_by=granted_by)
    # Not through save(), which would look a name up as if it were a primary key.
    ObjectPermission.objects.bulk_create([fresh], ignore_conflicts=True)
    made: ObjectPermission = ObjectPermission.objects.get(**wanted)
    if made.id == fresh.id:
        _note("access.object_granted", made, kind)
    return made


def revoke_object(*, grant_id: uuid.UUID) -> ObjectPermission:
    """End a permission on an object; raises NotFound."""
    rows = ObjectPermission.objects.select_for_update()
    found: ObjectPermission | None = rows.filter(tenant_id=scope.require(), id=grant_id).first()
    if found is None:
        raise errors.NotFound("No such grant in this organization.", code="grant_not_found")
    _note("access.object_revoked", found, found.kind)
    found.delete()
    found.id = grant_id
    return found


def _note(what: str, row: ObjectPermission, kind: str) -> None:
    ledger.append(
        kind=what,
        payload={
            "subject": f"user:{row.user_id}",
            "permission": row.action,
            "object": kind,
            "key": row.object_pk[:200],
        },
        subject_type="object_permission",
        subject_id=str(row.id),
    )


def list_objects() -> models.QuerySet[ObjectPermission]:
    """Return every permission on an object in the organization in force."""
    rows = ObjectPermission.objects.filter(tenant_id=scope.require())
    return rows.select_related("permission", "content_type", "user")


def object_json(row: ObjectPermission) -> dict[str, Any]:
    """Return a permission on an object as it is answered."""
    return {
        "id": str(row.id),
        "user_id": str(row.user_id),
        "kind": row.kind,
        "key": row.object_pk,
        "permission": row.action,
        "granted_by": row.granted_by,
        "created_at": row.created_at.isoformat(),
    }
