"""Grants in the admin: looked at, and ended for a reason; granting goes through the API, which asks more."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from decisionos.kernel import clock, errors
from decisionos.kernel.admin.actions import reasoned
from decisionos.kernel.admin.base import ReadOnlyAdmin, TenantModelAdmin
from tenancy.access import services as access
from tenancy.access.enums import Effect
from tenancy.access.models import Invitation, ObjectPermission, RoleGrant


@admin.register(RoleGrant)
class RoleGrantAdmin(ReadOnlyAdmin, TenantModelAdmin):
    """Grants."""

    icon = "shield"
    about = _("Who may do what, where, until when.")
    list_display = ("subject_kind", "subject_id", "role", "permission", "effect", "scope_kind", "expires_at")
    list_filter = ("effect", "scope_kind", "role")
    search_fields = ("subject_id",)
    actions = ("revoke",)

    @reasoned(
        label=_("End grants"),
        consequence=_("Whoever has these grants loses them at the next request."),
        permission="rbac.manage",
        is_dangerous=True,
    )
    def revoke(self, request: HttpRequest, row: RoleGrant) -> None:
        """End a grant; lifting a denial hands something out, which is left to the API."""
        if row.effect == Effect.DENY:
            raise errors.Denied(str(_("A denial is lifted through the API.")), code="denial_kept")
        access.revoke(grant_id=row.id, now=clock.now())


@admin.register(ObjectPermission)
class ObjectPermissionAdmin(ReadOnlyAdmin, TenantModelAdmin):
    """Permissions on single objects."""

    icon = "target"
    about = _("Who may do what with one object.")
    list_display = ("user", "permission_name", "kind", "object_pk", "granted_by", "created_at")
    list_select_related = ("user", "permission", "content_type")
    search_fields = ("user__email", "object_pk")
    fields = ("user", "permission_name", "kind", "object_pk", "granted_by", "created_at")
    readonly_fields = fields

    @admin.display(description="permission")
    def permission_name(self, row: ObjectPermission) -> str:
        """Return what may be done."""
        return row.action


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin, TenantModelAdmin):
    """Invitations; withdrawing one is done in the console, which records it."""

    list_display = ("email", "role", "created_at", "expires_at", "accepted_at", "revoked_at")
    search_fields = ("email",)
