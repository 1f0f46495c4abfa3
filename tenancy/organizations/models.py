"""An organization, its projects and environments, and the versions of its configuration."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models

from decisionos.kernel import clock, ids
from decisionos.kernel.tenants import isolation
from decisionos.kernel.tenants.models import TenantModel
from tenancy.organizations.enums import ConfigState, EnvironmentKind, OrganizationStatus

slug_validator = RegexValidator(r"^[a-z][a-z0-9-]{1,62}$", "Lower-case letters, digits and dashes, 2 to 63.")


class Organization(models.Model):
    """A tenant. Its id is the ``tenant_id`` of everything that it owns."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    slug = models.CharField(max_length=63, unique=True, validators=[slug_validator])
    name = models.CharField(max_length=200)
    status = models.CharField(max_length=12, choices=OrganizationStatus, default=OrganizationStatus.ACTIVE)
    time_zone = models.CharField(max_length=64, default="UTC")
    language = models.CharField(max_length=8, default="en")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [isolation.RowSecurity(name="tenancy_organizations_organization_rls", column="id")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        """Return whether the organization may work."""
        return self.status == OrganizationStatus.ACTIVE


class Project(TenantModel):
    """A part of an organization with decisions of its own."""

    slug = models.CharField(max_length=63, validators=[slug_validator])
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["tenant_id", "slug"], name="tenancy_organizations_project_slug"),
        ]

    def __str__(self) -> str:
        return self.name


class Environment(TenantModel):
    """A stage of a project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="environments")
    kind = models.CharField(max_length=8, choices=EnvironmentKind)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant_id", "project", "kind"], name="tenancy_organizations_environment_kind"
            ),
        ]

    def __str__(self) -> str:
        return self.kind


class TenantConfigVersion(TenantModel):
    """One version of tenant.yaml; exactly one may be in force."""

    number = models.PositiveIntegerField()
    source = models.TextField()
    content = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=12, choices=ConfigState, default=ConfigState.DRAFT)
    errors = models.JSONField(default=list, blank=True)
    author = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    applied_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant_id", "number"], name="tenancy_organizations_config_number"
            ),
            models.UniqueConstraint(
                fields=["tenant_id"],
                condition=models.Q(state=ConfigState.ACTIVE),
                name="tenancy_organizations_config_one_active",
            ),
        ]
        verbose_name = "configuration version"

    def __str__(self) -> str:
        return f"configuration {self.number}"
