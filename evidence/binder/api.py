"""The API of the binder."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from decisionos.kernel import clock
from decisionos.kernel.web.api import ApiView
from evidence.binder import controls


class ControlSerializer(serializers.Serializer[Any]):
    """One control."""

    id = serializers.CharField()
    title = serializers.CharField()
    passed = serializers.BooleanField()
    evidence = serializers.CharField()


class ControlsSerializer(serializers.Serializer[Any]):
    """Every control, as it is now."""

    passed = serializers.IntegerField()
    total = serializers.IntegerField()
    controls = ControlSerializer(many=True)


class SignedControlsSerializer(serializers.Serializer[Any]):
    """The checklist and its signature."""

    statement = serializers.DictField()
    kid = serializers.CharField()
    signature = serializers.CharField()


class ControlsView(ApiView):
    """The minimum controls."""

    required_permission = "audit.read"

    @extend_schema(operation_id="evidence_controls", responses=ControlsSerializer, tags=["evidence"])
    def get(self, request: Request) -> Response:
        """Run every check now; takes some seconds."""
        rows = controls.run_checks()
        passed = sum(row.passed for row in rows)
        return Response({"passed": passed, "total": len(rows), "controls": [asdict(row) for row in rows]})


class SignedControlsView(ApiView):
    """The signed checklist."""

    required_permission = "audit.read"

    @extend_schema(
        operation_id="evidence_controls_sign",
        request=None,
        responses=SignedControlsSerializer,
        tags=["evidence"],
    )
    def post(self, request: Request) -> Response:
        """Run every check now and sign what was found."""
        return Response(
            controls.checklist(controls.run_checks(), now=clock.now(), version=settings.DOS_VERSION)
        )


routes = [
    path("evidence/controls", ControlsView.as_view()),
    path("evidence/controls/sign", SignedControlsView.as_view()),
]
