"""The admin site."""

from __future__ import annotations

from django.contrib import admin


class DosAdminSite(admin.AdminSite):
    """DecisionOS' admin: staff only, under the product's name."""

    site_header = "DecisionOS"
    site_title = "DecisionOS"
    index_title = "Records"
    enable_nav_sidebar = True
