"""Addresses of keys, members and roles."""

from __future__ import annotations

from django.urls import path

from tenancy.access.views import keys, members

page_routes = [
    path("keys", keys.KeysPage.as_view(), name="keys"),
    path("keys/<uuid:key_id>/revoke", keys.RevokeKeyPage.as_view(), name="key-revoke"),
    path("members", members.MembersPage.as_view(), name="members"),
    path("members/roles", members.RolesPage.as_view(), name="roles"),
    path("members/<uuid:user_id>/role", members.ChangeRolePage.as_view(), name="member-role"),
    path("members/<uuid:user_id>/remove", members.RemoveMemberPage.as_view(), name="member-remove"),
    path("invitations/<uuid:invitation_id>/withdraw", members.WithdrawPage.as_view(), name="withdraw"),
    path("invitation/<str:token>", members.join, name="invitation"),
]
