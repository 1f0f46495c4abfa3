"""The API of permissions on single objects."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from decisionos.kernel import clock
from decisionos.kernel.web import bodies
from decisionos.kernel.web.api import ApiView
from tenancy.access import delegation, objects
from tenancy.access.credentials import caller


class ObjectGrantSerializer(serializers.Serializer[Any]):
    """A permission on an object as it is answered."""

    id = serializers.UUIDField()
    user_id = serializers.UUIDField()
    kind = serializers.CharField()
    key = serializers.CharField()
    permission = serializers.CharField()
    granted_by = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


class ObjectGrantPageSerializer(serializers.Serializer[Any]):
    """One page of permissions on objects."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = ObjectGrantSerializer(many=True)


class NewObjectGrantSerializer(bodies.Body):
    """A permission on one object, for one member: a project by its id, a contract or ruleset by its name."""

    user_id = serializers.UUIDField()
    kind = serializers.CharField(max_length=30)
    key = serializers.CharField(max_length=200)
    permission = serializers.CharField(max_length=60)


class ObjectGrantIdSerializer(bodies.Body):
    """The permission to end."""

    id = serializers.UUIDField()


class ObjectGrantListView(ApiView):
    """Permissions on objects."""

    required_permission = "rbac.read"

    @extend_schema(
        operation_id="rbac_objects",
        responses=ObjectGrantPageSerializer,
        parameters=[OpenApiParameter("user_id", OpenApiTypes.UUID, description="only this person's")],
        tags=["access"],
    )
    def get(self, request: Request) -> Response:
        """Return permissions on objects, newest first."""
        rows = objects.list_objects()
        wanted = request.query_params.get("user_id")
        if wanted is not None:
            rows = rows.filter(user_id=serializers.UUIDField().run_validation(wanted))
        return self.paginate(rows, objects.object_json)


class ObjectGrantView(ApiView):
    """Granting on an object."""

    required_permission = "rbac.manage"

    @extend_schema(
        operation_id="rbac_object_grant",
        request=NewObjectGrantSerializer,
        responses={201: ObjectGrantSerializer},
        tags=["access"],
    )
    def post(self, request: Request) -> Response:
        """Grant a member a permission on one object; nobody grants more than they hold."""
        wanted, subject = bodies.read(request, NewObjectGrantSerializer), caller(request)
        delegation.check_scopes([wanted["permission"]])
        delegation.check_handing_out(subject, [wanted["permission"]], now=clock.now())
        made = objects.grant_object(**wanted, granted_by=subject.actor)
        return Response(objects.object_json(made), status=201)


class ObjectGrantRevokeView(ApiView):
    """Ending a permission on an object."""

    required_permission = "rbac.manage"

    @extend_schema(
        operation_id="rbac_object_revoke",
        request=ObjectGrantIdSerializer,
        responses=ObjectGrantSerializer,
        tags=["access"],
    )
    def post(self, request: Request) -> Response:
        """End a permission on an object."""
        delegation.check_everywhere(caller(request))
        identifier = bodies.read(request, ObjectGrantIdSerializer)["id"]
        return Response(objects.object_json(objects.revoke_object(grant_id=identifier)))


routes = [
    path("rbac/objects", ObjectGrantListView.as_view()),
    path("rbac/objects/grant", ObjectGrantView.as_view()),
    path("rbac/objects/revoke", ObjectGrantRevokeView.as_view()),
]
