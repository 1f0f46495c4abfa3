"""The admin site."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from decisionos.kernel.admin import face, gate


class DosAdminSite(gate.Gate, face.AdminFace):
    """DecisionOS' admin: staff only, under the product's name."""

    site_header = "DecisionOS"
    site_title = "DecisionOS"
    index_title = _("Administration")
    enable_nav_sidebar = False
