"""Create and change organizations, projects and environments. Each act is in the ledger."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from decisionos.kernel import clock, errors, ids
from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.tenants import scope
from tenancy.organizations.enums import EnvironmentKind, OrganizationStatus
from tenancy.organizations.models import Environment, Organization, Project


class OrganizationInvalid(errors.Invalid):
    """A field of an organization or project is not acceptable."""

    code = "organization_invalid"
    title = "The organization is not acceptable"


class SlugTaken(errors.Conflict):
    """The short name is in use."""

    code = "slug_taken"
    title = "This short name is taken"


class TenantSuspended(errors.Denied):
    """The organization is suspended."""

    code = "tenant_suspended"
    title = "The organization is suspended"


def suspended(slug: str) -> TenantSuspended:
    """Return the refusal of a suspended organization, which names it."""
    return TenantSuspended(
        f"The organization {slug!r} is suspended. Ask the operator of this installation.",
        extra={"organization": slug},
    )


def _validate(instance: Organization | Project) -> None:
    try:
        instance.clean_fields()
    except ValidationError as error:
        problems = [
            {"pointer": f"/{name}", "message": " ".join(messages)}
            for name, messages in error.message_dict.items()
        ]
        raise OrganizationInvalid("Some fields are not acceptable.", errors=problems) from error


def create_organization(
    *, slug: str, name: str, time_zone: str = "UTC", language: str = "en", now: datetime | None = None
) -> Organization:
    """Create an organization with a default project and its three environments.

    Raises OrganizationInvalid, SlugTaken. Not to be called inside another organization's scope.
    """
    organization = Organization(
        id=ids.uuid7(),
        slug=slug,
        name=name,
        time_zone=time_zone,
        language=language,
        created_at=now or clock.now(),
    )
    _validate(organization)
    with scope.tenant_scope(organization.id):
        try:
            with transaction.atomic():
                organization.save(force_insert=True)
        except IntegrityError as error:
            raise SlugTaken(f"The short name {slug!r} is in use.") from error
        ledger.append(
            kind="organization.created",
            payload={"slug": slug},
            subject_type="organization",
            subject_id=str(organization.id),
        )
        create_project(slug="default", name="Default", kinds=list(EnvironmentKind.values))
    return organization


def create_project(*, slug: str, name: str, kinds: list[str] | None = None) -> Project:
    """Create a project with the environments asked for; raises OrganizationInvalid, SlugTaken."""
    project = Project(tenant_id=scope.require(), slug=slug, name=name)
    _validate(project)
    unknown = set(kinds or []) - set(EnvironmentKind.values)
    if unknown:
        raise OrganizationInvalid(
            "Unknown environment.",
            errors=[{"pointer": "/envs", "message": f"not one of {EnvironmentKind.values}"}],
        )
    try:
        with transaction.atomic():
            project.save(force_insert=True)
    except IntegrityError as error:
        raise SlugTaken(f"The short name {slug!r} is in use.") from error
    Environment.objects.bulk_create(
        Environment(project=project, kind=kind) for kind in kinds or EnvironmentKind.values
    )
    ledger.append(
        kind="project.created", payload={"slug": slug}, subject_type="project", subject_id=str(project.id)
    )
    return project


def archive_project(*, project_id: uuid.UUID, now: datetime | None = None) -> Project:
    """Take a project out of use; its decisions stay. Raises NotFound; safe to repeat."""
    project = Project.objects.select_for_update().filter(id=project_id).first()
    if project is None:
        raise errors.NotFound("No such project.", code="project_not_found")
    if project.archived_at is None:
        project.archived_at = now or clock.now()
        project.save(update_fields=["archived_at"])
        ledger.append(
            kind="project.archived",
            payload={"slug": project.slug},
            subject_type="project",
            subject_id=str(project.id),
        )
    return project


def set_status(*, status: OrganizationStatus, reason: str) -> Organization:
    """Suspend or reactivate the organization in force; the reason goes to the ledger."""
    organization = Organization.objects.select_for_update().get(id=scope.require())
    if organization.status != status:
        organization.status = status
        organization.save(update_fields=["status"])
        ledger.append(
            kind=f"organization.{status.value}",
            payload={"reason": reason},
            subject_type="organization",
            subject_id=str(organization.id),
        )
    return organization
