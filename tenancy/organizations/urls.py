"""Addresses of the organization's settings."""

from __future__ import annotations

from django.urls import path

from tenancy.organizations import views

page_routes = [
    path("settings", views.SettingsPage.as_view(), name="settings"),
    path("settings/versions/<int:number>/back", views.RollBackPage.as_view(), name="settings-back"),
]
