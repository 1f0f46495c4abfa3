"""The admin site."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class DosAdminSite(admin.AdminSite):
    """DecisionOS' admin: staff only, under the product's name."""

    site_header = "DecisionOS"
    site_title = "DecisionOS"
    index_title = "Records"
    enable_nav_sidebar = True

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Refuse every page but the way out to somebody whose organization is refused."""
        inner = super().admin_view(view, cacheable)

        @functools.wraps(inner)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refusal = getattr(request, "organization_refusal", None)
            if refusal is not None and view != self.logout:
                raise refusal
            return inner(request, *args, **kwargs)

        return checked
