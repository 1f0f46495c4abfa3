"""The API of the ledger: its state, entries, checkpoints, keys, proofs, verification and export.

What must stay true: nothing here writes to the chain except the note that somebody exported it; an export
is complete or refused, because it is made whole before its first byte is sent.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from decisionos.kernel import errors
from decisionos.kernel.keys import services as keys
from decisionos.kernel.ledger import downloads, proofs, rules, verifying
from decisionos.kernel.ledger.checking import EntryNotFound
from decisionos.kernel.ledger.models import Checkpoint, Entry, Seal
from decisionos.kernel.tenants import scope
from decisionos.kernel.web.api import ApiView


class SignedRootSerializer(serializers.Serializer[Any]):
    """A signed checkpoint."""

    tenant = serializers.CharField()
    size = serializers.IntegerField()
    root = serializers.CharField()  # type: ignore[assignment]
    head = serializers.CharField()
    time = serializers.CharField()
    kid = serializers.CharField()
    signature = serializers.CharField()


class StateSerializer(serializers.Serializer[Any]):
    """How far the ledger is."""

    entries = serializers.IntegerField()
    sealed = serializers.IntegerField()
    unsealed = serializers.IntegerField()
    head = serializers.CharField()
    checkpoint = SignedRootSerializer(allow_null=True)


class BrokenSerializer(serializers.Serializer[Any]):
    """The first entry that is not what it must be."""

    seq = serializers.IntegerField()
    entry_id = serializers.CharField(allow_blank=True)
    reason = serializers.CharField()
    detail = serializers.CharField()


class VerificationSerializer(serializers.Serializer[Any]):
    """What a verification found."""

    valid = serializers.BooleanField()
    entries = serializers.IntegerField()
    checkpoints = serializers.IntegerField()
    head = serializers.CharField()
    root = serializers.CharField()  # type: ignore[assignment]
    unsealed = serializers.IntegerField()
    problems = serializers.ListField(child=serializers.CharField())
    first_broken = BrokenSerializer(allow_null=True)


class EntrySerializer(serializers.Serializer[Any]):
    """An entry; the four fields of its seal are null until it is sealed."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    subject_type = serializers.CharField(allow_blank=True)
    subject_id = serializers.CharField(allow_blank=True)
    actor = serializers.CharField(allow_blank=True)
    corr_id = serializers.CharField(allow_blank=True)
    payload = serializers.DictField()
    occurred_at = serializers.DateTimeField()
    digest = serializers.CharField()
    seq = serializers.IntegerField(allow_null=True)
    prev = serializers.CharField(allow_null=True)
    curr = serializers.CharField(allow_null=True)


class EntryPageSerializer(serializers.Serializer[Any]):
    """One page of entries."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = EntrySerializer(many=True)


class CheckpointPageSerializer(serializers.Serializer[Any]):
    """One page of checkpoints."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = SignedRootSerializer(many=True)


class ProofSerializer(serializers.Serializer[Any]):
    """An inclusion proof against a signed checkpoint."""

    entry_id = serializers.CharField()
    seq = serializers.IntegerField()
    digest = serializers.CharField()
    path = serializers.ListField(child=serializers.CharField())
    checkpoint = SignedRootSerializer()


class CheckpointKeySerializer(serializers.Serializer[Any]):
    """A public key that signs checkpoints."""

    kid = serializers.CharField()
    algorithm = serializers.CharField()
    state = serializers.CharField()
    pem = serializers.CharField()


class NdjsonRenderer(JSONRenderer):
    """Lets a client ask for NDJSON; problems are still JSON documents."""

    media_type = "application/x-ndjson"
    format = "ndjson"


def _number(request: Request, name: str) -> int | None:
    raw = request.query_params.get(name)
    if raw is None:
        return None
    # Past 18 digits no ledger goes, and the database's own number type ends.
    if not raw.isascii() or not raw.isdigit() or len(raw) > 18:
        raise errors.Invalid(
            f"{name} must be a whole number.",
            errors=[{"pointer": f"/{name}", "message": "must be a whole number"}],
        )
    return int(raw)


def _seal_of(entry: Entry) -> Seal | None:
    try:
        return entry.seal  # type: ignore[no-any-return]
    except Seal.DoesNotExist:
        return None


def _entry(entry: Entry) -> dict[str, Any]:
    seal = _seal_of(entry)
    return {
        "id": str(entry.id),
        "kind": entry.kind,
        "subject_type": entry.subject_type,
        "subject_id": entry.subject_id,
        "actor": entry.actor,
        "corr_id": entry.corr_id,
        "payload": entry.payload,
        "occurred_at": entry.occurred_at,
        "digest": entry.digest,
        "seq": seal.seq if seal else None,
        "prev": seal.prev if seal else None,
        "curr": seal.curr if seal else None,
    }


def _entries() -> QuerySet[Entry]:
    return Entry.objects.filter(tenant_id=scope.require()).select_related("seal")


def _signed(checkpoint: Checkpoint) -> dict[str, Any]:
    return asdict(proofs.SignedRoot.of(checkpoint))


class LedgerView(ApiView):
    """The state of the ledger."""

    required_permission = "ledger.read"

    @extend_schema(operation_id="ledger_state", responses=StateSerializer, tags=["ledger"])
    def get(self, request: Request) -> Response:
        """Return how many entries there are, how many are sealed, and the newest checkpoint."""
        tenant = scope.require()
        entries = Entry.objects.filter(tenant_id=tenant).count()
        last = Seal.objects.filter(tenant_id=tenant).order_by("-seq").first()
        checkpoint = Checkpoint.objects.filter(tenant_id=tenant).order_by("-size").first()
        sealed = last.seq if last else 0
        return Response(
            {
                "entries": entries,
                "sealed": sealed,
                "unsealed": max(entries - sealed, 0),
                "head": last.curr if last else rules.GENESIS,
                "checkpoint": _signed(checkpoint) if checkpoint else None,
            }
        )


class LedgerVerifyView(ApiView):
    """Verification of the whole chain."""

    required_permission = "ledger.read"

    @extend_schema(
        operation_id="ledger_verify", request=None, responses=VerificationSerializer, tags=["ledger"]
    )
    def post(self, request: Request) -> Response:
        """Recompute every digest, link, root and signature; name the first broken entry."""
        found = verifying.verify_ledger()
        return Response(
            {
                "valid": found.is_consistent,
                "entries": found.entries,
                "checkpoints": found.checkpoints,
                "head": found.head,
                "root": found.root,
                "unsealed": found.unsealed,
                "problems": found.problems,
                "first_broken": asdict(found.first_broken) if found.first_broken else None,
            }
        )


_FILTERS = [
    OpenApiParameter(name, OpenApiTypes.STR, OpenApiParameter.QUERY, required=False)
    for name in ("kind", "subject_type", "subject_id")
]


class LedgerEntriesView(ApiView):
    """The entries, newest first."""

    required_permission = "ledger.read"

    @extend_schema(
        operation_id="ledger_entries_list",
        parameters=_FILTERS,
        responses=EntryPageSerializer,
        tags=["ledger"],
    )
    def get(self, request: Request) -> Response:
        """Return entries, filtered by kind and subject."""
        rows = _entries()
        for name in ("kind", "subject_type", "subject_id"):
            value = request.query_params.get(name, "")
            if "\x00" in value:
                raise errors.Invalid(
                    f"{name} holds a null character.",
                    errors=[{"pointer": f"/{name}", "message": "is not text"}],
                )
            if value:
                rows = rows.filter(**{name: value})
        return self.paginate(rows, _entry)


class LedgerEntryView(ApiView):
    """One entry."""

    required_permission = "ledger.read"

    @extend_schema(operation_id="ledger_entries_retrieve", responses=EntrySerializer, tags=["ledger"])
    def get(self, request: Request, entry_id: uuid.UUID) -> Response:
        """Return an entry and its place in the chain."""
        found = _entries().filter(id=entry_id).first()
        if found is None:
            raise EntryNotFound("No such entry in this organization's ledger.")
        return Response(_entry(found))


class LedgerProofView(ApiView):
    """The proof of one entry."""

    required_permission = "ledger.read"

    @extend_schema(
        operation_id="ledger_entries_proof",
        parameters=[OpenApiParameter("size", OpenApiTypes.INT, OpenApiParameter.QUERY, required=False)],
        responses=ProofSerializer,
        tags=["ledger"],
    )
    def get(self, request: Request, entry_id: uuid.UUID) -> Response:
        """Prove an entry under the newest checkpoint, or under the one of a size."""
        size = _number(request, "size")
        if not _entries().filter(id=entry_id).exists():
            raise EntryNotFound("No such entry in this organization's ledger.")
        return Response(proofs.prove_entry(entry_id, size=size).as_json())


class LedgerCheckpointsView(ApiView):
    """The signed checkpoints, newest first."""

    required_permission = "ledger.read"

    @extend_schema(
        operation_id="ledger_checkpoints_list",
        responses=CheckpointPageSerializer,
        tags=["ledger"],
    )
    def get(self, request: Request) -> Response:
        """Return checkpoints for keeping outside, as anchors."""
        return self.paginate(Checkpoint.objects.filter(tenant_id=scope.require()).defer("peaks"), _signed)


class LedgerKeysView(ApiView):
    """The public keys behind the signatures."""

    required_permission = "ledger.read"

    @extend_schema(
        operation_id="ledger_keys_list", responses=CheckpointKeySerializer(many=True), tags=["ledger"]
    )
    def get(self, request: Request) -> Response:
        """Return every public key that has signed checkpoints; keep them apart from the exports."""
        return Response(
            [
                {"kid": key.kid, "algorithm": key.algorithm, "state": str(key.state), "pem": key.pem()}
                for key in keys.public_keys(rules.PURPOSE)
            ]
        )


class LedgerExportView(ApiView):
    """The export for anybody's own verification."""

    required_permission = "ledger.export"
    renderer_classes = [JSONRenderer, NdjsonRenderer]

    @extend_schema(
        operation_id="ledger_export",
        parameters=[
            OpenApiParameter(name, OpenApiTypes.INT, OpenApiParameter.QUERY, required=False)
            for name in ("since", "until")
        ],
        responses={(200, "application/x-ndjson"): OpenApiTypes.STR},
        tags=["ledger"],
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Stream the chain as NDJSON, from ``since`` to the checkpoint of size ``until``; note it."""
        first, last = _number(request, "since"), _number(request, "until")
        return downloads.chain_file(first=1 if first is None else first, last=last)


routes = [
    path("ledger", LedgerView.as_view()),
    path("ledger/verify", LedgerVerifyView.as_view()),
    path("ledger/entries", LedgerEntriesView.as_view()),
    path("ledger/entries/<uuid:entry_id>", LedgerEntryView.as_view()),
    path("ledger/entries/<uuid:entry_id>/proof", LedgerProofView.as_view()),
    path("ledger/checkpoints", LedgerCheckpointsView.as_view()),
    path("ledger/keys", LedgerKeysView.as_view()),
    path("ledger/export", LedgerExportView.as_view()),
]
