"""Packs in the admin: imported through the API or dosctl, looked at here."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from decisionos.kernel.admin.base import ReadOnlyAdmin
from policy.packs.models import PackVersion


@admin.register(PackVersion)
class PackVersionAdmin(ReadOnlyAdmin):
    """The imported versions with who signed them."""

    icon = "package"
    about = _("Imported packs and who signed them.")
    list_display = ("name", "version", "state", "key_id", "imported_by", "imported_at", "activated_at")
    list_filter = ("state",)
    search_fields = ("name", "version")
    exclude = ("archive",)
