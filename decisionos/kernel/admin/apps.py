"""The admin site as Django finds it."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class DosAdminConfig(AdminConfig):
    """Django's admin with our site."""

    default_site = "decisionos.kernel.admin.site.DosAdminSite"
