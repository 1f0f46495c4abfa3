"""A grant: somebody has a role or a permission somewhere, for a time; or one permission on one object."""

from __future__ import annotations

from django.db import models
from guardian.models import UserObjectPermissionAbstract

from decisionos.kernel import clock
from decisionos.kernel.tenants.models import TenantModel
from tenancy.access.enums import Effect, ScopeKind, SubjectKind


class RoleGrant(TenantModel):
    """A role or one permission, allowed or denied, in one scope, until a moment."""

    subject_kind = models.CharField(max_length=8, choices=SubjectKind)
    subject_id = models.UUIDField()
    role = models.CharField(max_length=30, blank=True, default="")
    permission = models.CharField(max_length=60, blank=True, default="")
    scope_kind = models.CharField(max_length=14, choices=ScopeKind, default=ScopeKind.ORGANIZATION)
    scope_id = models.UUIDField(null=True, blank=True)
    effect = models.CharField(max_length=6, choices=Effect, default=Effect.ALLOW)
    granted_by = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.CheckConstraint(
                condition=(models.Q(role="") & ~models.Q(permission=""))
                | (~models.Q(role="") & models.Q(permission="")),
                name="tenancy_access_role_or_permission",
            ),
            models.CheckConstraint(
                condition=models.Q(scope_kind="organization", scope_id__isnull=True)
                | (~models.Q(scope_kind="organization") & models.Q(scope_id__isnull=False)),
                name="tenancy_access_scope_has_id",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "subject_kind", "subject_id"], name="tenancy_access_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.effect} {self.role or self.permission}"


class ObjectPermission(TenantModel, UserObjectPermissionAbstract):  # type: ignore[misc]
    """A person may do one thing with one object; the table that django-guardian works on."""

    granted_by = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant_id", "user", "permission", "object_pk"], name="tenancy_access_object_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant_id", "user", "content_type", "object_pk"], name="tenancy_access_object"
            )
        ]

    def __str__(self) -> str:
        return f"{self.action} on {self.kind} {self.object_pk}"

    @property
    def action(self) -> str:
        """Return what may be done, by the name of the registry."""
        return str(self.permission.codename)

    @property
    def kind(self) -> str:
        """Return what kind of object it is."""
        return str(self.content_type.model).removesuffix("version")


class Invitation(TenantModel):
    """Somebody was asked to join, with a role, until a moment."""

    email = models.EmailField()
    role = models.CharField(max_length=30)
    invited_by = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [*TenantModel.Meta.constraints]
        indexes = [models.Index(fields=["tenant_id", "created_at"], name="tenancy_access_invited")]

    def __str__(self) -> str:
        return f"{self.email}: {self.role}"
