"""Nobody hands out more than they hold: the check before a key is issued or a role is granted.

``keys.rotate`` is in no owner's hand alone, yet an owner appoints those who hold it; it is the one exception.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from decisionos.kernel import clock, errors
from decisionos.kernel.tenants import scope
from tenancy.access import mapping, registry, rules
from tenancy.access import services as access

_APPOINTED_BY_OWNER = frozenset({"keys.rotate"})


class RoleUnknown(errors.Invalid):
    """There is no such role or permission."""

    code = "role_unknown"
    title = "No such role or permission"


class DelegationRefused(errors.Denied):
    """The caller would hand out more than they hold."""

    code = "delegation_refused"
    title = "You cannot hand out more than you hold"


def held(subject: access.Subject, *, now: datetime) -> frozenset[str]:
    """Return every permission of a subject in the place where it works."""
    return _allowed(subject, access.list_grants(subject), rules.Place(project_id=subject.project_id), now)


def _allowed(
    subject: access.Subject, grants: list[rules.Grant], place: rules.Place, now: datetime
) -> frozenset[str]:
    roles = mapping.roles_in_force(subject.tenant_id)
    return frozenset(
        action
        for action in registry.PERMISSIONS
        if rules.judge(
            action=action,
            role=subject.role,
            scopes=subject.scopes,
            grants=grants,
            place=place,
            now=now,
            roles=roles,
            bound=subject.project_id,
        )
    )


def check_role(role: str) -> None:
    """Refuse a role that the organization in force does not have; raises RoleUnknown."""
    known = mapping.roles_in_force(scope.require())
    if role not in known:
        message = f"not one of {', '.join(known)}"
        raise RoleUnknown("There is no such role.", errors=[{"pointer": "/role", "message": message}])


def check_scopes(scopes: Collection[str]) -> None:
    """Refuse scopes that are no permissions; raises RoleUnknown."""
    problems = [
        {"pointer": f"/scopes/{index}", "message": f"{name} is not a known permission"}
        for index, name in enumerate(scopes)
        if name not in registry.PERMISSIONS
    ]
    if problems:
        raise RoleUnknown("There is no such permission.", errors=problems)


def check_handing_out(
    subject: access.Subject,
    permissions: Collection[str],
    *,
    now: datetime,
    project_id: uuid.UUID | None = None,
) -> None:
    """Refuse to hand out what the subject does not hold there; raises DelegationRefused.

    What is held in one project is handed out in that project only. A denial counts wherever it was given,
    so that nobody walks around one of a project by way of the organization.
    """
    grants = [
        replace(grant, scope_kind="organization", scope_id=None) if grant.effect == "deny" else grant
        for grant in access.list_grants(subject)
    ]
    missing = set(permissions) - _allowed(subject, grants, rules.Place(project_id=project_id), now)
    if subject.role == "owner" and not subject.scopes:
        missing -= _APPOINTED_BY_OWNER
    if missing:
        raise DelegationRefused(
            "Some of these permissions are not yours.", extra={"permissions": sorted(missing)}
        )


def check_project(subject: access.Subject, project_id: uuid.UUID | None) -> None:
    """Refuse a key that is bound to one project an act outside of it; raises DelegationRefused."""
    if subject.project_id is not None and subject.project_id != project_id:
        raise DelegationRefused(
            "This key works in one project only.", extra={"project_id": str(subject.project_id)}
        )


def check_everywhere(subject: access.Subject) -> None:
    """Refuse a key that is bound to one project an act on everything; raises DelegationRefused."""
    check_project(subject, None)


def check_configuration(content: Any, by: Any) -> list[dict[str, str]]:
    """Return what is wrong with a configuration's roles; raises DelegationRefused.

    Whoever applies a configuration hands out what its map gives to names of the customer's own.
    """
    problems = mapping.find_problems(content)
    if not problems and isinstance(by, access.Subject):
        check_handing_out(by, mapping.own_permissions(content), now=clock.now())
    return problems
