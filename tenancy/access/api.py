"""The API of access: who am I, roles, permissions, grants, and new organizations."""

from __future__ import annotations

import uuid
from typing import Any

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from decisionos.kernel import clock
from decisionos.kernel.tenants import scope
from decisionos.kernel.web import api as web
from decisionos.kernel.web import bodies
from decisionos.kernel.web.api import ApiView
from tenancy.access import (
    credentials,
    delegation,
    denials,
    documentation,
    mapping,
    object_api,
    registry,
    staff,
)
from tenancy.access import services as access
from tenancy.access.credentials import caller
from tenancy.access.enums import Effect, ScopeKind, SubjectKind
from tenancy.access.models import RoleGrant
from tenancy.identity import keys
from tenancy.organizations import selectors as organizations
from tenancy.organizations import services as organizing
from tenancy.organizations.api import OrganizationPageSerializer, OrganizationSerializer

web.on_denied(denials.note_denial)
DOORS = documentation.KeyAuthenticationDocumentation.name


class WhoSerializer(serializers.Serializer[Any]):
    """The caller as the product sees them."""

    kind = serializers.CharField()
    id = serializers.UUIDField()
    name = serializers.CharField(allow_blank=True)
    tenant_id = serializers.UUIDField()
    tenant = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())
    permissions = serializers.ListField(child=serializers.CharField())
    scopes = serializers.ListField(child=serializers.CharField())
    project_id = serializers.UUIDField(allow_null=True)


class PermissionSerializer(serializers.Serializer[Any]):
    """A permission."""

    name = serializers.CharField()
    description = serializers.CharField()


class RoleSerializer(serializers.Serializer[Any]):
    """A role and what it may."""

    name = serializers.CharField()
    permissions = serializers.ListField(child=serializers.CharField())


class PermissionListSerializer(serializers.Serializer[Any]):
    """Every permission."""

    results = PermissionSerializer(many=True)


class RoleListSerializer(serializers.Serializer[Any]):
    """Every role."""

    results = RoleSerializer(many=True)


class GrantSerializer(serializers.Serializer[Any]):
    """A grant as it is answered."""

    id = serializers.UUIDField()
    subject_kind = serializers.CharField()
    subject_id = serializers.UUIDField()
    role = serializers.CharField(allow_blank=True)
    permission = serializers.CharField(allow_blank=True)
    scope_kind = serializers.CharField()
    scope_id = serializers.UUIDField(allow_null=True)
    effect = serializers.CharField()
    granted_by = serializers.CharField(allow_blank=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class GrantPageSerializer(serializers.Serializer[Any]):
    """One page of grants."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = GrantSerializer(many=True)


class NewGrantSerializer(bodies.Body):
    """A role or a permission for somebody, somewhere, for a time."""

    subject_kind = serializers.ChoiceField(SubjectKind.choices)
    subject_id = serializers.UUIDField()
    role = serializers.CharField(max_length=30, required=False)
    permission = serializers.CharField(max_length=60, required=False)
    scope_kind = serializers.ChoiceField(ScopeKind.choices, required=False)
    scope_id = serializers.UUIDField(required=False, allow_null=True)
    effect = serializers.ChoiceField(Effect.choices, required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class GrantIdSerializer(bodies.Body):
    """The grant to end."""

    id = serializers.UUIDField()


class NewOrganizationSerializer(bodies.Body):
    """An organization to make."""

    slug = serializers.CharField(max_length=63, required=False)
    name = serializers.CharField(max_length=200)
    time_zone = serializers.CharField(max_length=64, required=False)
    language = serializers.CharField(max_length=8, required=False)


class NewOrganizationAnswerSerializer(OrganizationSerializer):
    """The new organization, with the key of its owner, shown this once."""

    key = serializers.CharField()


def grant_json(grant: RoleGrant) -> dict[str, Any]:
    """Return a grant as it is answered."""
    return {
        "id": str(grant.id),
        "subject_kind": str(grant.subject_kind),
        "subject_id": str(grant.subject_id),
        "role": grant.role,
        "permission": grant.permission,
        "scope_kind": str(grant.scope_kind),
        "scope_id": str(grant.scope_id) if grant.scope_id else None,
        "effect": str(grant.effect),
        "granted_by": grant.granted_by,
        "expires_at": grant.expires_at.isoformat() if grant.expires_at else None,
        "revoked_at": grant.revoked_at.isoformat() if grant.revoked_at else None,
    }


def _permissions_of(role: str) -> frozenset[str]:
    return mapping.roles_in_force(scope.require()).get(role, frozenset())


class WhoAmIView(ApiView):
    """The caller."""

    required_permission = "authenticated"

    @extend_schema(operation_id="whoami", responses=WhoSerializer, tags=["access"])
    def get(self, request: Request) -> Response:
        """Return who the caller is and what they may do."""
        subject = caller(request)
        now = clock.now()
        granted = {row.role for row in access.list_grants(subject) if row.role and row.effect == Effect.ALLOW}
        return Response(
            {
                "kind": str(subject.kind),
                "id": str(subject.id),
                "name": subject.name,
                "tenant_id": str(subject.tenant_id),
                "tenant": organizations.get_organization().slug,
                "roles": sorted(granted | ({subject.role} if subject.role else set())),
                "permissions": sorted(delegation.held(subject, now=now)),
                "scopes": list(subject.scopes),
                "project_id": str(subject.project_id) if subject.project_id else None,
            }
        )


class RoleListView(ApiView):
    """The roles."""

    required_permission = "rbac.read"

    @extend_schema(operation_id="rbac_roles", responses=RoleListSerializer, tags=["access"])
    def get(self, request: Request) -> Response:
        """Return every role with its permissions, the organization's own names included."""
        roles = mapping.roles_in_force(scope.require())
        rows = [{"name": name, "permissions": sorted(held)} for name, held in roles.items()]
        return Response({"results": rows})


class PermissionListView(ApiView):
    """The permissions."""

    required_permission = "rbac.read"

    @extend_schema(operation_id="rbac_permissions", responses=PermissionListSerializer, tags=["access"])
    def get(self, request: Request) -> Response:
        """Return every permission."""
        rows = [{"name": name, "description": text} for name, text in registry.PERMISSIONS.items()]
        return Response({"results": rows})


class GrantListView(ApiView):
    """The grants."""

    required_permission = "rbac.read"

    @extend_schema(
        operation_id="rbac_grants",
        responses=GrantPageSerializer,
        parameters=[OpenApiParameter("subject_id", OpenApiTypes.UUID, description="only this subject's")],
        tags=["access"],
    )
    def get(self, request: Request) -> Response:
        """Return grants, newest first."""
        rows, bound = RoleGrant.objects.filter(tenant_id=scope.require()), caller(request).project_id
        rows = rows.filter(scope_id=bound) if bound else rows
        wanted = request.query_params.get("subject_id")
        if wanted is not None:
            field = serializers.UUIDField()
            rows = rows.filter(subject_id=field.run_validation(wanted))
        return self.paginate(rows, grant_json)


class GrantView(ApiView):
    """Granting."""

    required_permission = "rbac.manage"

    @extend_schema(
        operation_id="rbac_grant",
        request=NewGrantSerializer,
        responses={201: GrantSerializer},
        tags=["access"],
    )
    def post(self, request: Request) -> Response:
        """Grant or deny a role or a permission; nobody allows more than they hold."""
        wanted, subject = bodies.read(request, NewGrantSerializer), caller(request)
        role, permission = wanted.get("role", ""), wanted.get("permission", "")
        project = wanted.get("scope_id") if wanted.get("scope_kind") == ScopeKind.PROJECT else None
        delegation.check_project(subject, project)
        if wanted.get("effect", Effect.ALLOW) == Effect.ALLOW:
            handed = _permissions_of(role) | ({permission} & set(registry.PERMISSIONS))
            delegation.check_handing_out(subject, handed, now=clock.now(), project_id=project)
        if project is not None:
            organizations.get_project(project)
        made = access.grant(**wanted, granted_by=subject.actor)
        return Response(grant_json(made), status=201)


class GrantRevokeView(ApiView):
    """Ending a grant."""

    required_permission = "rbac.manage"

    @extend_schema(
        operation_id="rbac_revoke", request=GrantIdSerializer, responses=GrantSerializer, tags=["access"]
    )
    def post(self, request: Request) -> Response:
        """End a grant; lifting a denial needs what it denied."""
        identifier: uuid.UUID = bodies.read(request, GrantIdSerializer)["id"]
        found = RoleGrant.objects.filter(tenant_id=scope.require(), id=identifier).first()
        if found is not None:
            delegation.check_project(caller(request), found.scope_id)
        if found is not None and found.effect == Effect.DENY:
            handed = _permissions_of(found.role) if found.role else frozenset({found.permission})
            delegation.check_handing_out(caller(request), handed, now=clock.now())
        return Response(grant_json(access.revoke(grant_id=identifier, now=clock.now())))


class OrganizationListView(ApiView):
    """Organizations: one's own, and new ones.

    Making one opens the new organization's own scope, so the view itself stands outside of any. It is for the
    staff of the installation: whoever administers one organization makes no other.
    """

    tenant_scoped = False
    required_permission = "authenticated"

    @extend_schema(
        operation_id="organizations_list", responses=OrganizationPageSerializer, tags=["organizations"]
    )
    def get(self, request: Request) -> Response:
        """Return the caller's organization."""
        with scope.tenant_scope(caller(request).tenant_id):
            return self.paginate(organizations.list_organizations(), organizations.organization_json)

    @extend_schema(
        operation_id="organizations_create",
        request=NewOrganizationSerializer,
        responses={201: NewOrganizationAnswerSerializer},
        tags=["organizations"],
    )
    def post(self, request: Request) -> Response:
        """Make an organization with a default project; the answer holds the key of its owner, this once."""
        subject = caller(request)
        staff.require_staff(subject, "org.manage")
        wanted = bodies.read(request, NewOrganizationSerializer)
        wanted.setdefault("slug", "-".join(wanted["name"].lower().split()))
        made = organizing.create_organization(**wanted, now=clock.now())
        with scope.tenant_scope(made.id):
            _, raw = keys.issue_key(name="owner", role="owner")
        answer = {**organizations.organization_json(made), "key": raw}
        return Response(answer, status=201, headers={"Cache-Control": "no-store"})


routes = [
    path("whoami", WhoAmIView.as_view()),
    path("rbac/roles", RoleListView.as_view()),
    path("rbac/permissions", PermissionListView.as_view()),
    path("rbac/grants", GrantListView.as_view()),
    path("rbac/grant", GrantView.as_view()),
    path("rbac/revoke", GrantRevokeView.as_view()),
    path("orgs", OrganizationListView.as_view()),
    *object_api.routes,
    *credentials.routes,
]
