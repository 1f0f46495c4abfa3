"""People and keys in the admin; secrets and password hashes are never shown."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from decisionos.kernel import clock
from decisionos.kernel.admin.actions import reasoned
from decisionos.kernel.admin.base import DosModelAdmin, ReadOnlyAdmin, TenantModelAdmin
from tenancy.identity import keys
from tenancy.identity.models import ApiKey, Membership, SignIn, SignInFailure, User


@admin.register(User)
class UserAdmin(ReadOnlyAdmin, DosModelAdmin):
    """People."""

    icon = "user"
    about = _("People who can sign in.")
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    search_fields = ("email", "name")
    fields = ("email", "name", "is_active", "is_staff", "is_superuser", "last_login", "created_at")


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin, TenantModelAdmin):
    """Who belongs to the organization."""

    icon = "members"
    about = _("Who belongs to the organization.")
    list_display = ("user", "created_at")
    list_select_related = ("user",)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin, TenantModelAdmin):
    """Keys, by prefix."""

    icon = "key"
    about = _("How programs identify themselves; secrets are kept as hashes only.")
    list_display = ("name", "prefix", "kind", "role", "expires_at", "last_used_at", "revoked_at")
    list_filter = ("kind", "role")
    search_fields = ("name", "prefix")
    fields = ("name", "prefix", "kind", "role", "scopes", "expires_at", "last_used_at", "revoked_at")
    actions = ("revoke",)

    @reasoned(
        label=_("Revoke keys"),
        consequence=_(
            "Programs that use these keys are refused within seconds. A revoked key never works again."
        ),
        permission="keys.manage",
        is_dangerous=True,
    )
    def revoke(self, request: HttpRequest, row: ApiKey) -> None:
        """End a key through the service, which records it."""
        keys.revoke_key(key_id=row.id, now=clock.now())


@admin.register(SignIn)
class SignInAdmin(ReadOnlyAdmin, DosModelAdmin):
    """Where people are signed in; the session's key is not shown."""

    list_display = ("user", "device", "address", "created_at", "last_seen_at")
    list_select_related = ("user",)
    search_fields = ("user__email",)
    fields = ("user", "device", "address", "created_at", "last_seen_at")


@admin.register(SignInFailure)
class SignInFailureAdmin(ReadOnlyAdmin, DosModelAdmin):
    """Accounts and addresses that failed to sign in of late, by hash."""

    list_display = ("scope", "failures", "first_at")
