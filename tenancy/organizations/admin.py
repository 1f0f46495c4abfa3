"""Organizations in the admin. What has a service is done there; the history is only looked at."""

from __future__ import annotations

from django.contrib import admin

from decisionos.kernel.admin import visits
from decisionos.kernel.admin.base import DosModelAdmin, ReadOnlyAdmin, TenantModelAdmin
from tenancy.organizations import selectors
from tenancy.organizations.enums import OrganizationStatus
from tenancy.organizations.models import Environment, Organization, Project, TenantConfigVersion


@admin.register(Organization)
class OrganizationAdmin(ReadOnlyAdmin, DosModelAdmin):
    """The organization in force."""

    list_display = ("name", "slug", "status", "time_zone", "language", "created_at")
    search_fields = ("slug", "name")


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin, TenantModelAdmin):
    """Projects."""

    list_display = ("name", "slug", "created_at", "archived_at")
    search_fields = ("slug", "name")


@admin.register(Environment)
class EnvironmentAdmin(ReadOnlyAdmin, TenantModelAdmin):
    """Environments."""

    list_display = ("project", "kind", "created_at")
    list_select_related = ("project",)


@admin.register(TenantConfigVersion)
class TenantConfigVersionAdmin(ReadOnlyAdmin, TenantModelAdmin):
    """Versions of the configuration."""

    list_display = ("number", "state", "author", "created_at", "applied_at")
    list_filter = ("state",)


def find_for_visits(text: str) -> list[visits.Organization]:
    """Return the organizations that platform staff may choose from: a handful that fit a text or an id."""
    return [
        visits.Organization(row.id, row.slug, row.name, row.status == OrganizationStatus.ACTIVE)
        for row in selectors.find_everywhere(text)
    ]


visits.answer_with(find_for_visits)
