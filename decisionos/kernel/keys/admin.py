"""Signing keys in the admin, read-only; the private half is never shown."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from decisionos.kernel.admin.base import ReadOnlyAdmin
from decisionos.kernel.keys.models import SigningKey


@admin.register(SigningKey)
class SigningKeyAdmin(ReadOnlyAdmin):
    """Which key signs what, since when."""

    icon = "fingerprint"
    about = _("What signs checkpoints, tokens and packs.")
    list_display = ("kid", "purpose", "algorithm", "state", "created_at", "retired_at")
    list_filter = ("purpose", "state")
    fields = ("kid", "purpose", "algorithm", "public_key", "state", "created_at", "retired_at")
