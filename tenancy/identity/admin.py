"""People and keys in the admin; secrets and password hashes are never shown."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from decisionos.kernel import clock
from decisionos.kernel.admin.base import DosModelAdmin, ReadOnlyAdmin, TenantModelAdmin
from tenancy.identity import keys
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
    actions = ("end",)

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Allow ending keys to those who may change them; the page itself changes nothing."""
        return bool(request.user.has_perm("tenancy_identity.change_apikey"))

    @admin.action(description="Revoke the chosen keys", permissions=["end"])
    def end(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """End keys through the service, which records each one."""
        for identifier in list(queryset.values_list("id", flat=True)):
            keys.revoke_key(key_id=identifier, now=clock.now())
        self.message_user(request, "The chosen keys are revoked.")
