"""Addresses of signing in, and of a person's own account."""

from __future__ import annotations

from django.urls import path

from tenancy.identity.views import account, passwords, signing_in

page_routes = [
    path("login", signing_in.sign_in, name="sign-in"),
    path("login/second-factor", signing_in.enrol, name="second-factor"),
    path("logout", signing_in.sign_out, name="sign-out"),
    path("forgotten", passwords.forgotten, name="forgotten"),
    path("reset/<uuid:user_id>/<str:token>", passwords.reset, name="reset"),
    path("account", account.ProfilePage.as_view(), name="account"),
    path("account/security", account.SecurityPage.as_view(), name="security"),
    path("account/security/codes", account.RecoveryCodesPage.as_view(), name="recovery-codes"),
    path("account/security/without", account.RemoveFactorPage.as_view(), name="second-factor-remove"),
    path("account/sessions/end", account.EndSessionPage.as_view(), name="sessions-end"),
    path("account/sessions/<uuid:sign_in_id>/end", account.EndSessionPage.as_view(), name="session-end"),
]
