"""URLs: probes, metrics, the admin, the API of each app's ``api.py``, the pages of each app's ``urls.py``."""

from __future__ import annotations

import importlib
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.urls import include, path
from django.utils.module_loading import module_has_submodule
from drf_spectacular.views import SpectacularJSONAPIView

from decisionos.kernel.web import probes

PRODUCT = {"decisionos", "tenancy", "billing", "policy", "cases", "evidence", "academy"}


def api_routes() -> list[Any]:
    """Return the routes that every installed app declares in its ``api.py``."""
    found: list[Any] = []
    for config in apps.get_app_configs():
        if module_has_submodule(config.module, "api") and config.name.split(".")[0] != "rest_framework":
            module = importlib.import_module(f"{config.name}.api")
            found += getattr(module, "routes", [])
    # Routes are tried one by one: what is asked a thousand times a second comes first.
    found.sort(key=lambda route: not str(route.pattern).startswith("decide/"))
    return found


def page_routes() -> list[Any]:
    """Return the routes of pages that every installed app of the product declares in its ``urls.py``."""
    found: list[Any] = []
    for config in apps.get_app_configs():
        ours = config.name != "decisionos" and config.name.split(".")[0] in PRODUCT
        if ours and module_has_submodule(config.module, "urls"):
            found += getattr(importlib.import_module(f"{config.name}.urls"), "page_routes", [])
    return found


handler400 = "decisionos.kernel.console.failures.bad_request"
handler403 = "decisionos.kernel.console.failures.permission_denied"
handler404 = "decisionos.kernel.console.failures.page_not_found"
handler500 = "decisionos.kernel.console.failures.server_error"

urlpatterns = [
    path("api/v1/", include(api_routes())),
    path("api/v1/openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("healthz", probes.healthz),
    path("readyz", probes.readyz),
    path("livez", probes.livez),
    path("", include("django_prometheus.urls")),
    path("admin/", admin.site.urls),
    path("", include(page_routes())),
]
