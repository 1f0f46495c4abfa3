"""The API of projects and of the configuration."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from decisionos.kernel import clock, errors
from decisionos.kernel.web import bodies
from decisionos.kernel.web.api import ApiView
from tenancy.organizations import configuration, reading, selectors, services
from tenancy.organizations.models import Organization, Project, TenantConfigVersion


class OrganizationSerializer(serializers.Serializer[Any]):
    """An organization as it is answered."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    status = serializers.CharField()
    time_zone = serializers.CharField()
    language = serializers.CharField()
    created_at = serializers.DateTimeField()


class OrganizationPageSerializer(serializers.Serializer[Any]):
    """One page of organizations."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = OrganizationSerializer(many=True)


class EnvironmentSerializer(serializers.Serializer[Any]):
    """A stage of a project."""

    id = serializers.UUIDField()
    kind = serializers.CharField()


class ProjectSerializer(serializers.Serializer[Any]):
    """A project as it is answered."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    environments = EnvironmentSerializer(many=True)
    created_at = serializers.DateTimeField()
    archived_at = serializers.DateTimeField(allow_null=True)


class ProjectPageSerializer(serializers.Serializer[Any]):
    """One page of projects."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = ProjectSerializer(many=True)


class NewProjectSerializer(bodies.Body):
    """A project to make; without a short name, one is made from the name."""

    name = serializers.CharField(max_length=200)
    slug = serializers.CharField(max_length=63, required=False)
    envs = serializers.ListField(child=serializers.CharField(), required=False, max_length=3)


class VersionSerializer(serializers.Serializer[Any]):
    """A version of the configuration."""

    number = serializers.IntegerField()
    state = serializers.CharField()
    digest = serializers.CharField()
    content = serializers.DictField()
    author = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    applied_at = serializers.DateTimeField(allow_null=True)


class VersionPageSerializer(serializers.Serializer[Any]):
    """One page of versions."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = VersionSerializer(many=True)


class ChangeSerializer(serializers.Serializer[Any]):
    """One difference."""

    pointer = serializers.CharField(allow_blank=True)
    change = serializers.ChoiceField(["added", "removed", "changed"])
    old = serializers.JSONField(required=False)
    new = serializers.JSONField(required=False)


class DifferenceSerializer(serializers.Serializer[Any]):
    """What would change."""

    valid = serializers.BooleanField()
    changes = ChangeSerializer(many=True)


class RollBackSerializer(bodies.Body):
    """The version to return to; without a number, the one before."""

    number = serializers.IntegerField(required=False, allow_null=True, min_value=1)


def _asking(request: Request) -> Any:
    return getattr(request._request, "subject", None)


def _author(request: Request) -> str:
    return str(getattr(getattr(request, "subject", None), "actor", ""))[:200]


def _source(request: Request) -> str:
    """Return the text that a request carries: as ``source``, or as the content itself; empty for none."""
    data = request.data
    if not isinstance(data, dict):
        raise errors.BadRequest("Send the configuration as an object.")
    if set(data) == {"source"} and isinstance(data["source"], str):
        return data["source"]
    return str(yaml.safe_dump(dict(data), allow_unicode=True, sort_keys=False)) if data else ""


def _file() -> Path:
    slug = selectors.get_organization().slug
    return Path(settings.DOS_DATA_DIR) / "tenants" / slug / "tenant.yaml"


def _content() -> dict[str, Any]:
    active = configuration.find_active()
    return dict(active.content) if active else {}


class OrganizationView(ApiView):
    """The organization of the caller."""

    required_permission = "authenticated"

    @extend_schema(operation_id="organization_get", responses=OrganizationSerializer, tags=["organizations"])
    def get(self, request: Request, organization_id: uuid.UUID) -> Response:
        """Return the organization."""
        return Response(selectors.organization_json(selectors.get_organization(organization_id)))


class ProjectListView(ApiView):
    """The projects of the organization."""

    required_permission = {"GET": "authenticated", "POST": "project.manage"}

    def find_resource(self) -> Organization | None:
        """Return the organization: making a project concerns the whole of it."""
        return selectors.get_organization() if self.request.method == "POST" else None

    @extend_schema(operation_id="projects_list", responses=ProjectPageSerializer, tags=["organizations"])
    def get(self, request: Request, organization_id: uuid.UUID) -> Response:
        """Return the projects in use."""
        selectors.get_organization(organization_id)
        rows, bound = selectors.list_projects(), getattr(_asking(request), "project_id", None)
        return self.paginate(rows.filter(id=bound) if bound else rows, selectors.project_json)

    @extend_schema(
        operation_id="projects_create",
        request=NewProjectSerializer,
        responses={201: ProjectSerializer},
        tags=["organizations"],
    )
    def post(self, request: Request, organization_id: uuid.UUID) -> Response:
        """Make a project with its environments."""
        selectors.get_organization(organization_id)
        wanted = bodies.read(request, NewProjectSerializer)
        name = wanted["name"]
        project = services.create_project(
            slug=wanted.get("slug") or "-".join(name.lower().split()),
            name=name,
            kinds=wanted.get("envs"),
        )
        return Response(selectors.project_json(selectors.get_project(project.id)), status=201)


class ProjectView(ApiView):
    """One project."""

    required_permission = {"GET": "authenticated", "DELETE": "project.manage"}

    def find_resource(self) -> Project | None:
        """Return the project that is asked about, which may be granted by itself."""
        return selectors.find_project(self.kwargs["project_id"])

    @extend_schema(operation_id="projects_get", responses=ProjectSerializer, tags=["organizations"])
    def get(self, request: Request, project_id: uuid.UUID) -> Response:
        """Return a project."""
        return Response(selectors.project_json(selectors.get_project(project_id)))

    @extend_schema(operation_id="projects_archive", responses={204: None}, tags=["organizations"])
    def delete(self, request: Request, project_id: uuid.UUID) -> Response:
        """Take a project out of use; its decisions stay."""
        services.archive_project(project_id=project_id, now=clock.now())
        return Response(status=204)


class ConfigView(ApiView):
    """The configuration in force."""

    required_permission = "tenant.admin"

    @extend_schema(operation_id="config_get", responses=VersionSerializer, tags=["configuration"])
    def get(self, request: Request) -> Response:
        """Return the version in force."""
        active = configuration.find_active()
        if active is None:
            raise configuration.ConfigNotFound("No configuration was ever applied.")
        return Response(selectors.version_json(active))


class ConfigStateView(ApiView):
    """A write that changes which configuration is in force."""

    def state(self, request: Request, **kwargs: Any) -> Any:
        """Return what ``GET config`` answers, or None."""
        active = configuration.find_active()
        return None if active is None else selectors.version_json(active)


class ConfigVersionsView(ApiView):
    """The history of the configuration."""

    required_permission = "tenant.admin"

    @extend_schema(operation_id="config_versions", responses=VersionPageSerializer, tags=["configuration"])
    def get(self, request: Request) -> Response:
        """Return every version, newest first."""
        return self.paginate(selectors.list_versions(), selectors.version_json)


class ConfigValidateView(ApiView):
    """A rehearsal: nothing changes."""

    required_permission = "tenant.admin"

    @extend_schema(
        operation_id="config_validate",
        request=OpenApiTypes.OBJECT,
        responses=DifferenceSerializer,
        tags=["configuration"],
    )
    def post(self, request: Request) -> Response:
        """Say whether a configuration is acceptable and what it would change."""
        content = configuration.validate(reading.read(_source(request)), by=_asking(request))
        return Response({"valid": True, "changes": configuration.difference(_content(), content)})


class ConfigReloadView(ConfigStateView):
    """Putting a configuration in force."""

    required_permission = "tenant.admin"

    @extend_schema(
        operation_id="config_reload",
        request=OpenApiTypes.OBJECT,
        responses=VersionSerializer,
        tags=["configuration"],
    )
    def post(self, request: Request) -> Response:
        """Validate and apply; without a body the installation's file, or else what is in force, again."""
        source = _source(request)
        if not source:
            file = _file()
            source = file.read_text(errors="replace") if file.is_file() else ""
        if source:
            version = configuration.reload(
                source=reading.read(source), author=_author(request), now=clock.now(), by=_asking(request)
            )
            return Response(selectors.version_json(version))
        active = configuration.find_active()
        if active is None:
            raise configuration.ConfigNotFound("There is neither a file nor a version to load.")
        configuration.forget()
        return Response(selectors.version_json(active))


class ConfigRollBackView(ConfigStateView):
    """The way back."""

    required_permission = "tenant.admin"

    @extend_schema(
        operation_id="config_rollback",
        request=RollBackSerializer,
        responses=VersionSerializer,
        tags=["configuration"],
    )
    def post(self, request: Request) -> Response:
        """Put an earlier version back in force."""
        wanted = bodies.read(request, RollBackSerializer)
        version = configuration.rollback(
            number=wanted.get("number"),
            author=_author(request),
            now=clock.now(),
            by=_asking(request),
        )
        return Response(selectors.version_json(version))


class ConfigDiffView(ApiView):
    """Two versions side by side."""

    required_permission = "tenant.admin"

    @extend_schema(
        operation_id="config_diff",
        responses=DifferenceSerializer,
        parameters=[
            OpenApiParameter("from", OpenApiTypes.INT, required=True, description="a version's number"),
            OpenApiParameter(
                "to", OpenApiTypes.INT, description="a version's number; the active one if absent"
            ),
        ],
        tags=["configuration"],
    )
    def get(self, request: Request) -> Response:
        """Return what differs between two versions."""
        before = self._version("from")
        after = self._version("to") if "to" in request.query_params else configuration.find_active()
        changes = configuration.difference(before.content, after.content if after else {})
        return Response({"valid": True, "changes": changes})

    def _version(self, name: str) -> TenantConfigVersion:
        raw = self.request.query_params.get(name, "")
        if not raw.isdecimal() or len(raw) > 9:
            raise errors.Invalid(
                "Give the numbers of two versions.",
                errors=[{"pointer": f"/{name}", "message": "is no number"}],
            )
        found = selectors.list_versions().filter(number=int(raw)).first()
        if found is None:
            raise configuration.ConfigNotFound(f"There is no version {raw}.")
        return found


_CONFIG = [
    ("config", ConfigView),
    ("config/versions", ConfigVersionsView),
    ("config/validate", ConfigValidateView),
    ("config/reload", ConfigReloadView),
    ("config/rollback", ConfigRollBackView),
    ("config/diff", ConfigDiffView),
]
routes = [
    path("orgs/<uuid:organization_id>", OrganizationView.as_view()),
    path("orgs/<uuid:organization_id>/projects", ProjectListView.as_view()),
    path("projects/<uuid:project_id>", ProjectView.as_view()),
    *(path(place, view.as_view()) for place, view in _CONFIG),
]
