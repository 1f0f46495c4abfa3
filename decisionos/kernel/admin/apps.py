"""The admin site as Django finds it."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig

from decisionos.kernel.tenants import middleware


class DosAdminConfig(AdminConfig):
    """Django's admin with our site, which itself opens the organization's scope or a visit."""

    default_site = "decisionos.kernel.admin.site.DosAdminSite"

    def ready(self) -> None:
        """Find every ``admin.py``."""
        super().ready()
        middleware.leave_out("/admin/")
