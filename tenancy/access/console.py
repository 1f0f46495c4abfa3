"""Answers the console: who is in this session, where they work, what they may do there.

What must stay true: the answer comes from the grants at every request, never from the session; switching to
another place is checked against the memberships and stands in the ledger of the organization entered.
"""

from __future__ import annotations

import dataclasses
import logging
import uuid
from typing import Any

from django.db import Error
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from decisionos.kernel import clock, correlation, errors
from decisionos.kernel.console import questions
from decisionos.kernel.console import registry as registry_of_pages
from decisionos.kernel.ledger import acting
from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.tenants import scope
from decisionos.kernel.web import addresses
from tenancy.access import authentication, mapping, registry, rules, sessions
from tenancy.access import services as access
from tenancy.access.enums import SubjectKind
from tenancy.identity import second_factor
from tenancy.identity import services as identity
from tenancy.organizations import selectors
from tenancy.organizations.enums import EnvironmentKind

_audit = logging.getLogger("decisionos.audit")
_log = logging.getLogger("decisionos.error")
# The place that is shown first: where decisions count.
FIRST_KIND = EnvironmentKind.PROD


class PlaceUnknown(errors.NotFound):
    """There is no such organization, project or environment for this person."""

    code = "place_unknown"
    title = "No such place"


def _projects() -> tuple[questions.Project, ...]:
    order = list(EnvironmentKind.values)
    return tuple(
        questions.Project(
            id=row.id,
            slug=row.slug,
            name=row.name,
            environments=tuple(
                questions.Environment(id=stage.id, kind=str(stage.kind))
                for stage in sorted(row.environments.all(), key=lambda stage: order.index(str(stage.kind)))
            ),
        )
        for row in selectors.list_projects().order_by("name", "id")
    )


def _organization() -> questions.Organization:
    found = selectors.get_organization()
    return questions.Organization(
        id=found.id,
        slug=found.slug,
        name=found.name,
        time_zone=found.time_zone,
        language=found.language,
        projects=_projects(),
    )


def _pick(organization: questions.Organization, project: str, environment: str) -> questions.Place:
    """Return the place that is named; what is not named, or gone, is the first one."""
    projects = organization.projects
    chosen = next((row for row in projects if str(row.id) == project), None) or next(iter(projects), None)
    stages = chosen.environments if chosen else ()
    stage = (
        next((row for row in stages if str(row.id) == environment), None)
        or next((row for row in stages if row.kind == FIRST_KIND), None)
        or next(iter(stages), None)
    )
    return questions.Place(organization, chosen, stage)


def _open_to(request: HttpRequest) -> list[uuid.UUID]:
    """Return the organizations that the person may enter."""
    belongings = identity.list_belongings(uuid.UUID(str(request.user.pk)))
    return [one.tenant_id for one in belongings if one.is_active]


def _person(request: HttpRequest, tenant: uuid.UUID, slug: str = "") -> access.Subject:
    identifier = uuid.UUID(str(request.user.pk))
    return access.Subject(
        kind=SubjectKind.USER, id=identifier, tenant_id=tenant, user_id=identifier, tenant_slug=slug
    )


class Door:
    """People of this installation."""

    def second_factor_due(self, request: HttpRequest) -> bool:
        """Return whether a second factor is still to be shown in this session, or to be enrolled."""
        return request.user.is_authenticated and bool(second_factor.step_of(request.user))

    def subject_of(self, request: HttpRequest) -> access.Subject | None:
        """Return the person in the organization of the session; refuses an address that is not allowed."""
        # The door for pages resolved it a moment ago, in this very request.
        tenant = scope.current() or sessions.organization_of(request)
        if tenant is None:
            return None
        authentication.check_address(request, tenant)
        return _person(request, tenant)

    def place_of(self, request: HttpRequest) -> questions.Place:
        """Return where the person works now."""
        session = request.session
        user: Any = request.user
        organization = _organization()
        if user.time_zone:
            organization = dataclasses.replace(organization, time_zone=user.time_zone)
        return _pick(organization, str(session.get("project", "")), str(session.get("environment", "")))

    def organizations(self, request: HttpRequest) -> list[questions.Organization]:
        """Return every organization of the person; each is read in its own scope."""
        found = []
        for tenant in _open_to(request):
            with scope.tenant_scope(tenant):
                found.append(_organization())
        return sorted(found, key=lambda row: (row.name, str(row.id)))

    def switch(
        self, request: HttpRequest, *, organization: str, project: str, environment: str
    ) -> questions.Place:
        """Move the session; raises PlaceUnknown. The same place again leaves one more entry, nothing else."""
        identifier = uuid.UUID(str(request.user.pk))
        tenant = next((t for t in _open_to(request) if str(t) == organization), None)
        if tenant is None:
            raise PlaceUnknown("You do not belong to this organization, or it is suspended.")
        authentication.check_address(request, tenant)
        with scope.tenant_scope(tenant):
            place = _pick(_organization(), project, environment)
            if project and (place.project is None or str(place.project.id) != project):
                raise PlaceUnknown("This organization has no such project.")
            if environment and (place.environment is None or str(place.environment.id) != environment):
                raise PlaceUnknown("This project has no such environment.")
            with acting.acting(_person(request, tenant).actor):
                ledger.append(
                    kind="access.place_entered",
                    payload={
                        "project": str(place.project.id) if place.project else None,
                        "environment": place.environment.kind if place.environment else None,
                    },
                    subject_type="user",
                    subject_id=str(identifier),
                )
        request.session[sessions.KEY] = str(tenant)
        request.session["project"] = str(place.project.id) if place.project else ""
        request.session["environment"] = str(place.environment.id) if place.environment else ""
        return place

    def allowed(self, request: HttpRequest) -> frozenset[str]:
        """Return every permission that holds here; the grants are read once."""
        known: Any = request
        found: frozenset[str] | None = getattr(known, "_allowed", None)
        if found is None:
            found = known._allowed = self._judge(known)
        return found

    @staticmethod
    def _judge(known: Any) -> frozenset[str]:
        subject: access.Subject = known.subject
        context = known.place.context
        place = rules.Place(project_id=context["project_id"], environment_id=context["environment_id"])
        grants, now = access.list_grants(subject), clock.now()
        roles = mapping.roles_in_force(subject.tenant_id)
        return frozenset(
            permission
            for permission in registry.PERMISSIONS
            if rules.judge(
                action=permission, role="", scopes=(), grants=grants, place=place, now=now, roles=roles
            )
        )

    def authorize(self, request: HttpRequest, permission: str) -> None:
        """Raise PermissionDenied unless the permission holds here."""
        known: Any = request
        if permission not in self.allowed(request):
            access.authorize(known.subject, permission, context=known.place.context)

    def note_denied(self, request: HttpRequest, error: errors.DosError) -> None:
        """Leave the trace of a refused page, after its transaction was rolled back."""
        known: Any = request
        subject: access.Subject | None = getattr(known, "subject", None)
        what = {
            "code": error.code,
            "method": request.method or "",
            "route": getattr(request.resolver_match, "route", "") or "",
            "permission": str(error.extra.get("permission", "")),
            "address": str(addresses.client_address(request)),
        }
        actor = subject.actor if subject else f"user:{request.user.pk}"
        _audit.info("access denied", extra={**what, "actor": actor, "corr_id": correlation.current()})
        if subject is None:
            return
        try:
            with scope.tenant_scope(subject.tenant_id):
                ledger.append(
                    kind="access.denied",
                    payload=what,
                    subject_type="subject",
                    subject_id=str(subject.id),
                    actor=actor,
                )
        except (Error, errors.DosError) as failure:
            _log.error("a denial could not be recorded: %s", failure)


questions.answer_with(Door())
registry_of_pages.nav(
    domain="account",
    name="keys",
    label=_("API keys"),
    url_name="keys",
    icon="key",
    key="g k",
    order=30,
)
registry_of_pages.nav(
    domain="account",
    name="members",
    label=_("Members and roles"),
    url_name="members",
    icon="members",
    key="g m",
    permission="rbac.read",
    order=20,
)
