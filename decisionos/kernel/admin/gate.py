"""The way into the admin: the product's own sign-in, with the second factor shown.

What must stay true: the admin has no sign-in of its own; staff who have not shown the second factor,
or have none to show where one is demanded, see none of its pages.
"""

from __future__ import annotations

import urllib.parse
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from decisionos.kernel.console import questions


class Gate(admin.AdminSite):
    """Whom the admin lets in."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Return whether a member of staff has signed in completely."""
        return super().has_permission(request) and not questions.door().second_factor_due(request)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Send to the product's sign-in, and back."""
        wanted = request.GET.get("next") or reverse("admin:index", current_app=self.name)
        return HttpResponseRedirect(f"{settings.LOGIN_URL}?{urllib.parse.urlencode({'next': wanted})}")
