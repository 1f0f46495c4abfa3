"""People and keys in the admin; secrets and password hashes are never shown."""

from __future__ import annotations

from django.contrib import admin

from decisionos.kernel.admin.base import DosModelAdmin, ReadOnlyAdmin, TenantModelAdmin
from tenancy.identity.models import ApiKey, Membership, User


@admin.register(User)
class UserAdmin(ReadOnlyAdmin, DosModelAdmin):
    """People."""

    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    search_fields = ("email", "name")
    fields = ("email", "name", "is_active", "is_staff", "is_superuser", "last_login", "created_at")


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin, TenantModelAdmin):
    """Who belongs to the organization."""

    list_display = ("user", "created_at")
    list_select_related = ("user",)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin, TenantModelAdmin):
    """Keys, by prefix."""

    list_display = ("name", "prefix", "kind", "role", "expires_at", "last_used_at", "revoked_at")
    list_filter = ("kind", "role")
    search_fields = ("name", "prefix")
    fields = ("name", "prefix", "kind", "role", "scopes", "expires_at", "last_used_at", "revoked_at")
