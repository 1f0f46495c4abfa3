"""The register in the admin: looked at, never edited; evidence is not shown."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from decisionos.kernel.admin.base import ReadOnlyAdmin, TenantModelAdmin
from tenancy.privacy.models import Consent, ReferencePepper


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin, TenantModelAdmin):
    """Consents."""

    icon = "file-text"
    about = _("What people agreed to; evidence stays sealed.")
    list_display = ("subject_hash", "purpose", "granted_at", "expires_at", "revoked_at", "destroyed_at")
    list_filter = ("purpose",)
    search_fields = ("subject_hash",)
    fields = ("subject_hash", "purpose", "scope", "granted_at", "expires_at", "revoked_at", "destroyed_at")


@admin.register(ReferencePepper)
class ReferencePepperAdmin(ReadOnlyAdmin, TenantModelAdmin):
    """Whether the organization's persons can still be recognised; the secret is not shown."""

    icon = "fingerprint"
    about = _("Whether persons can still be recognised.")
    list_display = ("created_at", "destroyed_at")
    fields = ("created_at", "destroyed_at")
