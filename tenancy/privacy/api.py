"""The API of consents: grant, revoke, list, erase."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from decisionos.kernel import clock, errors
from decisionos.kernel.web import bodies
from decisionos.kernel.web.api import ApiView
from tenancy.privacy import selectors, services

_WORD = r"^[a-z][a-z0-9_.:-]{0,63}$"


class ConsentSerializer(serializers.Serializer[Any]):
    """A consent as it is answered."""

    id = serializers.UUIDField()
    subject_id = serializers.CharField(allow_null=True)
    subject_ref = serializers.CharField()
    purpose = serializers.CharField()
    scope = serializers.ListField(child=serializers.CharField())
    status = serializers.ChoiceField(["active", "expired", "revoked", "destroyed"])
    granted_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class ConsentPageSerializer(serializers.Serializer[Any]):
    """One page of consents."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = ConsentSerializer(many=True)


class GrantConsentSerializer(bodies.Body):
    """A consent to record: for how long as ``ttl`` in seconds or until ``expires_at``, not both."""

    subject_id = serializers.CharField(max_length=200)
    purpose = serializers.CharField(max_length=60)
    doc_hash = serializers.CharField(min_length=8, max_length=128, required=False)
    scope = serializers.ListField(child=serializers.RegexField(_WORD), required=False, max_length=20)
    ttl = serializers.IntegerField(required=False, allow_null=True, min_value=60, max_value=1_600_000_000)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    evidence = serializers.DictField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse two ends, scopes past the register's width, and evidence past its bound."""
        if attrs.get("ttl") and attrs.get("expires_at"):
            raise serializers.ValidationError({"ttl": ["give either ttl or expires_at"]})
        if len(" ".join(attrs.get("scope") or [])) > 200:
            raise serializers.ValidationError({"scope": ["at most 200 characters together"]})
        if len(json.dumps(attrs.get("evidence") or {})) > 16_384:
            raise serializers.ValidationError({"evidence": ["at most 16384 characters as JSON"]})
        return attrs


class RevokeConsentSerializer(bodies.Body):
    """A consent to end; without a purpose, all of the person's."""

    subject_id = serializers.CharField(max_length=200)
    purpose = serializers.CharField(max_length=60, required=False, allow_blank=True)


class EraseSubjectSerializer(bodies.Body):
    """A person to forget."""

    subject_id = serializers.CharField(max_length=200)


class ErasedSerializer(serializers.Serializer[Any]):
    """How much was erased."""

    subject_ref = serializers.CharField()
    destroyed = serializers.IntegerField()


def _end(wanted: dict[str, Any], now: datetime) -> datetime | None:
    ttl: int | None = wanted.get("ttl")
    until: datetime | None = wanted.get("expires_at")
    return until if ttl is None else now + timedelta(seconds=ttl)


class ConsentListView(ApiView):
    """The register."""

    required_permission = "consent.read"

    @extend_schema(
        operation_id="consents_list",
        responses=ConsentPageSerializer,
        parameters=[
            OpenApiParameter("subject_id", OpenApiTypes.STR, description="only this person's"),
            OpenApiParameter("purpose", OpenApiTypes.STR, description="only this purpose"),
        ],
        tags=["consent"],
    )
    def get(self, request: Request, subject_id: str = "") -> Response:
        """Return consents, newest first."""
        subject = subject_id or request.query_params.get("subject_id", "")
        purpose = request.query_params.get("purpose", "")
        if "\x00" in purpose:
            raise errors.Invalid(
                "The purpose is not acceptable.",
                errors=[{"pointer": "/purpose", "message": "holds a null character"}],
            )
        rows = selectors.list_consents(subject=subject, purpose=purpose)
        now = clock.now()
        return self.paginate(rows, lambda row: selectors.consent_json(row, now=now, subject=subject))


class SubjectConsentView(ConsentListView):
    """The consents of one person."""

    @extend_schema(operation_id="consents_of_subject", responses=ConsentPageSerializer, tags=["consent"])
    def get(self, request: Request, subject_id: str = "") -> Response:
        """Return one person's consents, newest first."""
        return super().get(request, subject_id)


class ConsentGrantView(ApiView):
    """Recording a consent."""

    required_permission = "consent.manage"

    @extend_schema(
        operation_id="consents_grant",
        request=GrantConsentSerializer,
        responses={201: ConsentSerializer},
        tags=["consent"],
    )
    def post(self, request: Request) -> Response:
        """Record that a person agreed."""
        wanted, now = bodies.read(request, GrantConsentSerializer), clock.now()
        proof = {name: wanted[name] for name in ("doc_hash", "evidence") if name in wanted}
        consent = services.grant_consent(
            subject=wanted["subject_id"],
            purpose=wanted["purpose"],
            scope_text=" ".join(sorted(set(wanted.get("scope") or []))),
            evidence=json.dumps(proof, ensure_ascii=False) if proof else None,
            expires_at=_end(wanted, now),
            now=now,
        )
        return Response(selectors.consent_json(consent, now=now, subject=wanted["subject_id"]), status=201)


class ConsentRevokeView(ApiView):
    """Ending a consent."""

    required_permission = "consent.manage"

    @extend_schema(
        operation_id="consents_revoke",
        request=RevokeConsentSerializer,
        responses={204: None},
        tags=["consent"],
    )
    def post(self, request: Request) -> Response:
        """Record that a person withdrew, from one purpose or from all."""
        wanted, now = bodies.read(request, RevokeConsentSerializer), clock.now()
        subject, purpose = wanted["subject_id"], wanted.get("purpose", "")
        if purpose:
            services.revoke_consent(subject=subject, purpose=purpose, now=now)
            return Response(status=204)
        standing = selectors.list_consents(subject=subject).filter(revoked_at__isnull=True)
        purposes = list(standing.values_list("purpose", flat=True))
        if not purposes:
            raise services.ConsentNotFound("No consent of this person stands.")
        for found in purposes:
            services.revoke_consent(subject=subject, purpose=found, now=now)
        return Response(status=204)


class SubjectEraseView(ApiView):
    """Forgetting a person."""

    required_permission = "consent.manage"

    @extend_schema(
        operation_id="consents_erase",
        request=EraseSubjectSerializer,
        responses=ErasedSerializer,
        tags=["consent"],
    )
    def post(self, request: Request) -> Response:
        """End every consent of a person and destroy its evidence. Cannot be undone."""
        subject = bodies.read(request, EraseSubjectSerializer)["subject_id"]
        if not selectors.list_consents(subject=subject).exists():
            raise errors.NotFound("Nothing is registered of this person.", code="subject_not_found")
        destroyed = services.destroy_evidence(subject=subject, now=clock.now())
        return Response({"subject_ref": services.hash_subject(subject), "destroyed": destroyed})


routes = [
    path("consent", ConsentListView.as_view()),
    path("consent/grant", ConsentGrantView.as_view()),
    path("consent/revoke", ConsentRevokeView.as_view()),
    path("consent/erase", SubjectEraseView.as_view()),
    path("consent/<str:subject_id>", SubjectConsentView.as_view()),
]
