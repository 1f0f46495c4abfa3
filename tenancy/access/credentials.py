"""The API of keys and personal tokens. A secret is in the answer once, and nowhere afterwards."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from decisionos.kernel import clock, errors
from decisionos.kernel.tenants import scope
from decisionos.kernel.web import bodies
from decisionos.kernel.web.api import ApiView
from tenancy.access import delegation, mapping
from tenancy.access import services as access
from tenancy.identity import keys
from tenancy.identity.enums import KeyKind
from tenancy.identity.models import ApiKey, User
from tenancy.organizations import selectors as organizations

TOKEN_DAYS = 90


class KeySerializer(serializers.Serializer[Any]):
    """A key as it is listed; never its secret."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    kind = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())
    scopes = serializers.ListField(child=serializers.CharField())
    project_id = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class IssuedKeySerializer(KeySerializer):
    """A key as it is answered this once, with its secret."""

    key = serializers.CharField()


class KeyPageSerializer(serializers.Serializer[Any]):
    """One page of keys."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = KeySerializer(many=True)


class NewKeySerializer(bodies.Body):
    """A key to issue."""

    name = serializers.CharField(max_length=120)
    role = serializers.CharField(max_length=30)
    scopes = serializers.ListField(child=serializers.CharField(max_length=60), required=False, max_length=50)
    project_id = serializers.UUIDField(required=False, allow_null=True)
    expires_in_days = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=3660)


class NewTokenSerializer(bodies.Body):
    """A personal token to create; it does no more than its scopes."""

    name = serializers.CharField(max_length=120)
    scopes = serializers.ListField(child=serializers.CharField(max_length=60), min_length=1, max_length=50)
    project = serializers.UUIDField(required=False, allow_null=True)
    expires_in_days = serializers.IntegerField(required=False, min_value=1, max_value=366)


class TokenIdSerializer(bodies.Body):
    """The token to end."""

    id = serializers.UUIDField()


def key_json(key: ApiKey) -> dict[str, Any]:
    """Return a key as it is answered."""
    return {
        "id": str(key.id),
        "name": key.name,
        "prefix": key.prefix,
        "kind": str(key.kind),
        "roles": [key.role] if key.role else [],
        "scopes": key.scopes,
        "project_id": str(key.project_id) if key.project_id else None,
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
        "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }


def caller(request: Request) -> access.Subject:
    """Return who asks; raises Unauthenticated."""
    subject = getattr(request._request, "subject", None)
    if not isinstance(subject, access.Subject):
        raise errors.Unauthenticated("Send an API key in X-Api-Key, or a bearer token.")
    return subject


def _expiry(now: datetime, days: int | None) -> datetime | None:
    return now + timedelta(days=days) if days else None


class KeyListView(ApiView):
    """The organization's keys."""

    required_permission = "keys.manage"

    @extend_schema(operation_id="keys_list", responses=KeyPageSerializer, tags=["keys"])
    def get(self, request: Request) -> Response:
        """Return keys and tokens, newest first."""
        rows, bound = ApiKey.objects.filter(tenant_id=scope.require()), caller(request).project_id
        return self.paginate(rows.filter(project_id=bound) if bound else rows, key_json)

    @extend_schema(
        operation_id="keys_create",
        request=NewKeySerializer,
        responses={201: IssuedKeySerializer},
        tags=["keys"],
    )
    def post(self, request: Request) -> Response:
        """Issue a key that does no more than the caller may."""
        wanted, now = bodies.read(request, NewKeySerializer), clock.now()
        scopes, project = list(wanted.get("scopes") or []), wanted.get("project_id")
        delegation.check_role(wanted["role"])
        delegation.check_scopes(scopes)
        handed = mapping.roles_in_force(scope.require())[wanted["role"]]
        delegation.check_project(caller(request), project)
        delegation.check_handing_out(
            caller(request),
            handed & set(scopes) if scopes else handed,
            now=now,
            project_id=caller(request).project_id,
        )
        if project is not None:
            organizations.get_project(project)
        key, raw = keys.issue_key(
            name=wanted["name"],
            role=wanted["role"],
            scopes=scopes,
            project_id=project,
            expires_at=_expiry(now, wanted.get("expires_in_days")),
        )
        return Response({**key_json(key), "key": raw}, status=201, headers={"Cache-Control": "no-store"})


class KeyView(ApiView):
    """One key."""

    required_permission = "keys.manage"

    @extend_schema(operation_id="keys_revoke", responses={204: None}, tags=["keys"])
    def delete(self, request: Request, key_id: uuid.UUID) -> Response:
        """End a key; it opens nothing within seconds."""
        found = ApiKey.objects.filter(tenant_id=scope.require(), id=key_id).first()
        if found is not None:
            delegation.check_project(caller(request), found.project_id)
        keys.revoke_key(key_id=key_id, now=clock.now())
        return Response(status=204)


class TokenCreateView(ApiView):
    """Personal tokens."""

    required_permission = "authenticated"

    @extend_schema(
        operation_id="pat_create",
        request=NewTokenSerializer,
        responses={201: IssuedKeySerializer},
        tags=["keys"],
    )
    def post(self, request: Request) -> Response:
        """Create a token for oneself, narrowed to scopes that one holds."""
        subject = caller(request)
        if subject.user_id is None:
            # A program that makes credentials is a matter for whoever manages keys.
            access.authorize(subject, "keys.manage")
        wanted, now = bodies.read(request, NewTokenSerializer), clock.now()
        delegation.check_scopes(wanted["scopes"])
        project = wanted.get("project") or subject.project_id
        delegation.check_project(subject, project)
        delegation.check_handing_out(subject, wanted["scopes"], now=now, project_id=project)
        if project is not None:
            organizations.get_project(project)
        user = User.objects.get(id=subject.user_id) if subject.user_id else None
        key, raw = keys.issue_key(
            name=wanted["name"],
            role=subject.role,
            kind=KeyKind.PERSONAL,
            scopes=wanted["scopes"],
            user=user,
            project_id=project,
            expires_at=_expiry(now, wanted.get("expires_in_days") or TOKEN_DAYS),
        )
        return Response({**key_json(key), "key": raw}, status=201, headers={"Cache-Control": "no-store"})


class TokenRevokeView(ApiView):
    """The end of a personal token."""

    required_permission = "authenticated"

    @extend_schema(
        operation_id="pat_revoke", request=TokenIdSerializer, responses=KeySerializer, tags=["keys"]
    )
    def post(self, request: Request) -> Response:
        """End one's own token; another's only as a manager of keys."""
        subject = caller(request)
        key = ApiKey.objects.filter(
            tenant_id=scope.require(), id=bodies.read(request, TokenIdSerializer)["id"], kind=KeyKind.PERSONAL
        ).first()
        own = key is not None and subject.user_id is not None and key.user_id == subject.user_id
        if not own:
            access.authorize(subject, "keys.manage")
            delegation.check_project(subject, key.project_id if key else subject.project_id)
        if key is None:
            raise keys.KeyNotFound("No such token in this organization.")
        return Response(key_json(keys.revoke_key(key_id=key.id, now=clock.now())))


routes = [
    path("keys", KeyListView.as_view()),
    path("keys/<uuid:key_id>", KeyView.as_view()),
    path("pat/create", TokenCreateView.as_view()),
    path("pat/revoke", TokenRevokeView.as_view()),
]
