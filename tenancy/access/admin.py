"""Grants in the admin: looked at; granting and revoking goes through the API, which asks and records."""

from __future__ import annotations

from django.contrib import admin

from decisionos.kernel.admin.base import ReadOnlyAdmin, TenantModelAdmin
from tenancy.access.models import RoleGrant


@admin.register(RoleGrant)
class RoleGrantAdmin(ReadOnlyAdmin, TenantModelAdmin):
    """Grants."""

    list_display = ("subject_kind", "subject_id", "role", "permission", "effect", "scope_kind", "expires_at")
    list_filter = ("effect", "scope_kind", "role")
    search_fields = ("subject_id",)
