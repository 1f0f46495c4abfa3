"""Addresses of signing in."""

from __future__ import annotations

from django.urls import path

from tenancy.identity import views

page_routes = [
    path("login", views.sign_in, name="sign-in"),
    path("logout", views.sign_out, name="sign-out"),
]
