"""Addresses of the shell."""

from __future__ import annotations

from django.urls import include, path

from decisionos.kernel.console import gallery, manual, pages, preferences, views

shell_routes = [
    path("palette.json", views.PalettePage.as_view(), name="palette"),
    path("tray", views.TrayPage.as_view(), name="tray"),
    path("places", preferences.PlacesPage.as_view(), name="places"),
    path("language", preferences.set_language, name="language"),
    path("theme", preferences.set_theme, name="theme"),
    path("catalogue.json", preferences.catalogue, name="catalogue"),
    path("views", views.SavedViewsPage.as_view(), name="views"),
    path("views/<uuid:view_id>", views.SavedViewPage.as_view(), name="view"),
    path("views/<uuid:view_id>/delete", views.DeleteViewPage.as_view(), name="view-delete"),
]
page_routes = [
    path("", pages.RootPage.as_view(), name="root"),
    path("console/", include((shell_routes, "console"))),
    path("docs", manual.to_manual),
    path("docs/", manual.manual, name="docs"),
    path("docs/<path:name>", manual.manual),
    path("gallery", gallery.GalleryPage.as_view(), name="gallery"),
]
