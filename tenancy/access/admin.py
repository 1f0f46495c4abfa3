"""Grants in the admin: looked at; granting and revoking goes through the API, which asks and records."""

from __future__ import annotations

from django.contrib import admin

from decisionos.kernel.admin.base import ReadOnlyAdmin, TenantModelAdmin
from tenancy.access.models import ObjectPermission, RoleGrant


@admin.register(RoleGrant)
class RoleGrantAdmin(ReadOnlyAdmin, TenantModelAdmin):
    """Grants."""

    list_display = ("subject_kind", "subject_id", "role", "permission", "effect", "scope_kind", "expires_at")
    list_filter = ("effect", "scope_kind", "role")
    search_fields = ("subject_id",)


@admin.register(ObjectPermission)
class ObjectPermissionAdmin(ReadOnlyAdmin, TenantModelAdmin):
    """Permissions on single objects."""

    list_display = ("user", "permission_name", "kind", "object_pk", "granted_by", "created_at")
    list_select_related = ("user", "permission", "content_type")
    search_fields = ("user__email", "object_pk")
    fields = ("user", "permission_name", "kind", "object_pk", "granted_by", "created_at")
    readonly_fields = fields

    @admin.display(description="permission")
    def permission_name(self, row: ObjectPermission) -> str:
        """Return what may be done."""
        return row.action
