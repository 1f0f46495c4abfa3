"""Organizations in the admin. What has a service is done there; the history is only looked at."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from decisionos.kernel.admin import visits
from decisionos.kernel.admin.actions import reasoned
from decisionos.kernel.admin.base import DosModelAdmin, ReadOnlyAdmin, TenantModelAdmin
from tenancy.organizations import selectors, services
from tenancy.organizations.enums import OrganizationStatus
from tenancy.organizations.models import Environment, Organization, Project, TenantConfigVersion


@admin.register(Organization)
class OrganizationAdmin(ReadOnlyAdmin, DosModelAdmin):
    """The organization in force."""

    icon = "building"
    list_display = ("name", "slug", "status", "time_zone", "language", "created_at")
    search_fields = ("slug", "name")
    actions = ("suspend", "reactivate")

    @reasoned(
        label=_("Suspend"),
        consequence=_(
            "Every door of the organization refuses by name until it is reactivated. Nothing is lost."
        ),
        permission="platform",
        is_dangerous=True,
    )
    def suspend(self, request: HttpRequest, row: Organization) -> None:
        """Close the organization; offered to platform staff during a visit."""
        services.set_status(status=OrganizationStatus.SUSPENDED, reason=visits.reason_of(request))

    @reasoned(
        label=_("Reactivate"),
        consequence=_("Every door of the organization opens again."),
        permission="platform",
    )
    def reactivate(self, request: HttpRequest, row: Organization) -> None:
        """Open the organization again; offered to platform staff during a visit."""
        services.set_status(status=OrganizationStatus.ACTIVE, reason=visits.reason_of(request))


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin, TenantModelAdmin):
    """Projects."""

    icon = "folder"
    list_display = ("name", "slug", "created_at", "archived_at")
    search_fields = ("slug", "name")


@admin.register(Environment)
class EnvironmentAdmin(ReadOnlyAdmin, TenantModelAdmin):
    """Environments."""

    icon = "layers"
    list_display = ("project", "kind", "created_at")
    list_select_related = ("project",)


@admin.register(TenantConfigVersion)
class TenantConfigVersionAdmin(ReadOnlyAdmin, TenantModelAdmin):
    """Versions of the configuration."""

    icon = "settings"
    about = _("What the organization configured, version by version.")
    list_display = ("number", "state", "author", "created_at", "applied_at")
    list_filter = ("state",)


def find_for_visits(text: str) -> list[visits.Organization]:
    """Return the organizations that platform staff may choose from: a handful that fit a text or an id."""
    return [
        visits.Organization(row.id, row.slug, row.name, row.status == OrganizationStatus.ACTIVE)
        for row in selectors.find_everywhere(text)
    ]


visits.answer_with(find_for_visits)
