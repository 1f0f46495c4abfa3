"""URLs: probes, metrics, the admin, and the API collected from each app's ``api.py``."""

from __future__ import annotations

import importlib
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.urls import include, path
from django.utils.module_loading import module_has_submodule
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView

from decisionos.kernel.web import probes


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


handler400 = "decisionos.kernel.web.problems.bad_request"
handler403 = "decisionos.kernel.web.problems.permission_denied"
handler404 = "decisionos.kernel.web.problems.not_found"
handler500 = "decisionos.kernel.web.problems.server_error"

urlpatterns = [
    path("api/v1/", include(api_routes())),
    path("", RedirectView.as_view(url="/admin/"), name="root"),
    path("healthz", probes.healthz),
    path("readyz", probes.readyz),
    path("livez", probes.livez),
    path("", include("django_prometheus.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
]
