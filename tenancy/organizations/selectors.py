"""Reads of the organization in force."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models

from decisionos.kernel import errors
from decisionos.kernel.tenants import scope
from tenancy.organizations.models import Organization, Project, TenantConfigVersion


def get_organization(organization_id: uuid.UUID | None = None) -> Organization:
    """Return the organization in force; raises NotFound where another one is named."""
    tenant = scope.require()
    if organization_id is not None and organization_id != tenant:
        raise errors.NotFound("No such organization.", code="organization_not_found")
    return Organization.objects.get(id=tenant)


def find_everywhere(text: str, *, most: int = 20) -> list[Organization]:
    """Return organizations by id, or a part of name or slug, on the platform's connection: for its staff."""
    rows = Organization.objects.using("platform").order_by("name", "id")
    try:
        rows = rows.filter(id=uuid.UUID(text))
    except ValueError:
        if text:
            rows = rows.filter(models.Q(name__icontains=text) | models.Q(slug__icontains=text))
    return list(rows[:most])


def list_organizations() -> models.QuerySet[Organization]:
    """Return the organization in force, as a list of one."""
    return Organization.objects.filter(id=scope.require())


def list_projects() -> models.QuerySet[Project]:
    """Return the projects in use."""
    rows = Project.objects.filter(tenant_id=scope.require(), archived_at__isnull=True)
    return rows.prefetch_related("environments")


def find_project(project_id: uuid.UUID) -> Project | None:
    """Return one project, archived ones included, or None."""
    return Project.objects.filter(tenant_id=scope.require(), id=project_id).first()


def get_project(project_id: uuid.UUID) -> Project:
    """Return one project, archived ones included; raises NotFound."""
    rows = Project.objects.filter(tenant_id=scope.require(), id=project_id)
    found = rows.prefetch_related("environments").first()
    if found is None:
        raise errors.NotFound("No such project.", code="project_not_found")
    return found


def list_versions() -> models.QuerySet[TenantConfigVersion]:
    """Return every version of the configuration."""
    return TenantConfigVersion.objects.filter(tenant_id=scope.require())


def organization_json(organization: Organization) -> dict[str, Any]:
    """Return an organization as it is answered."""
    return {
        "id": str(organization.id),
        "slug": organization.slug,
        "name": organization.name,
        "status": str(organization.status),
        "time_zone": organization.time_zone,
        "language": organization.language,
        "created_at": organization.created_at.isoformat(),
    }


def project_json(project: Project) -> dict[str, Any]:
    """Return a project as it is answered."""
    return {
        "id": str(project.id),
        "slug": project.slug,
        "name": project.name,
        "environments": [
            {"id": str(row.id), "kind": str(row.kind)}
            for row in sorted(project.environments.all(), key=lambda row: str(row.kind))
        ],
        "created_at": project.created_at.isoformat(),
        "archived_at": project.archived_at.isoformat() if project.archived_at else None,
    }


def version_json(version: TenantConfigVersion) -> dict[str, Any]:
    """Return a version of the configuration as it is answered."""
    return {
        "number": version.number,
        "state": str(version.state),
        "digest": version.digest,
        "content": version.content,
        "author": version.author,
        "created_at": version.created_at.isoformat(),
        "applied_at": version.applied_at.isoformat() if version.applied_at else None,
    }
