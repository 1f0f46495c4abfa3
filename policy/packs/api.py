"""The API of packs: import, list, verify, activate, roll back."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from decisionos.kernel import clock, errors
from decisionos.kernel.web.api import ApiView
from policy.packs import format, selectors, services


class PackSerializer(serializers.Serializer[Any]):
    """A pack as it is answered."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    version = serializers.CharField()
    state = serializers.CharField()
    digest = serializers.CharField()
    key_id = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    files = serializers.ListField(child=serializers.CharField())
    imported_by = serializers.CharField(allow_blank=True)
    imported_at = serializers.DateTimeField()
    activated_at = serializers.DateTimeField(allow_null=True)


class PackPageSerializer(serializers.Serializer[Any]):
    """One page of packs."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = PackSerializer(many=True)


class UploadSerializer(serializers.Serializer[Any]):
    """The archive of a pack."""

    archive = serializers.FileField()


class VerifiedSerializer(serializers.Serializer[Any]):
    """What a verification found."""

    name = serializers.CharField()
    version = serializers.CharField()
    digest = serializers.CharField()
    key_id = serializers.CharField()
    findings = serializers.ListField(child=serializers.DictField())


_VERSION = [
    OpenApiParameter("name", OpenApiTypes.STR, OpenApiParameter.PATH),
    OpenApiParameter("version", OpenApiTypes.STR, OpenApiParameter.PATH),
]


def _actor(request: Request) -> str:
    return str(getattr(request.auth, "name", "") or getattr(request.auth, "id", ""))[:120]


def _files(request: Request) -> dict[str, bytes]:
    archive = request.FILES.get("archive")
    if archive is None:
        raise errors.Invalid("Send the archive.", errors=[{"pointer": "/archive", "message": "is required"}])
    if archive.size is not None and archive.size > format.MAX_PACK_BYTES:
        raise format.PackTooLarge("The archive is over the limit.")
    return format.read_archive(archive.read())


class PackListView(ApiView):
    """The imported packs."""

    required_permission = "policy.read"

    @extend_schema(operation_id="packs_list", responses=PackPageSerializer, tags=["packs"])
    def get(self, request: Request) -> Response:
        """Return the imported versions, newest first."""
        return self.paginate(selectors.list_packs(), selectors.as_json)


class PackImportView(ApiView):
    """Import of a pack."""

    required_permission = "packs.enable"
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="packs_import",
        request={"multipart/form-data": UploadSerializer},
        responses={201: PackSerializer},
        tags=["packs"],
    )
    def post(self, request: Request) -> Response:
        """Verify and store a pack, whole or not at all."""
        row = services.import_pack(files=_files(request), actor=_actor(request), now=clock.now())
        return Response(selectors.as_json(row), status=201)


class PackVerifyView(ApiView):
    """Verification without storing."""

    required_permission = "policy.read"
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="packs_verify",
        request={"multipart/form-data": UploadSerializer},
        responses=VerifiedSerializer,
        tags=["packs"],
    )
    def post(self, request: Request) -> Response:
        """Say whether a pack is whole and signed by a trusted publisher, and what its lint finds."""
        files = _files(request)
        signed = services.verify(files)
        return Response(
            {
                "name": signed.pack.name,
                "version": signed.pack.version,
                "digest": signed.digest,
                "key_id": signed.signature["key_id"],
                "findings": format.lint(files),
            }
        )


class PackStateView(ApiView):
    """A write that changes which version of a pack is in force."""

    def state(self, request: Request, **kwargs: Any) -> Any:
        """Return what ``GET packs/{name}`` answers, or None."""
        active = selectors.find_active(name=kwargs["name"])
        return None if active is None else selectors.as_json(active)

    def state_path(self, request: Request) -> str:
        """Return the pack's name: its versions share one state."""
        return f"packs {self.kwargs['name']}"


class PackView(ApiView):
    """One pack."""

    required_permission = "policy.read"

    @extend_schema(
        operation_id="packs_in_force", responses=PackSerializer, tags=["packs"], parameters=_VERSION[:1]
    )
    def get(self, request: Request, name: str) -> Response:
        """Return the version in force; its ETag binds an activation or a way back to it."""
        active = selectors.find_active(name=name)
        if active is None:
            raise selectors.PackNotFound(f"No pack {name!r} is in force.")
        return Response(selectors.as_json(active))


class PackActivateView(PackStateView):
    """Activation of one version."""

    required_permission = "packs.enable"

    @extend_schema(
        operation_id="packs_activate",
        request=None,
        responses=PackSerializer,
        tags=["packs"],
        parameters=_VERSION,
    )
    def post(self, request: Request, name: str, version: str) -> Response:
        """Put a version in force."""
        row = services.activate_pack(name=name, version=version, actor=_actor(request), now=clock.now())
        return Response(selectors.as_json(row))


class PackRollBackView(PackStateView):
    """The way back."""

    required_permission = "packs.enable"

    @extend_schema(
        operation_id="packs_roll_back",
        request=None,
        responses=PackSerializer,
        tags=["packs"],
        parameters=_VERSION[:1],
    )
    def post(self, request: Request, name: str) -> Response:
        """Put the version before the present one back in force."""
        row = services.roll_back_pack(name=name, actor=_actor(request), now=clock.now())
        return Response(selectors.as_json(row))


routes = [
    path("packs", PackListView.as_view()),
    path("packs/import", PackImportView.as_view()),
    path("packs/verify", PackVerifyView.as_view()),
    path("packs/<str:name>", PackView.as_view()),
    path("packs/<str:name>/rollback", PackRollBackView.as_view()),
    path("packs/<str:name>/versions/<str:version>/activate", PackActivateView.as_view()),
]
