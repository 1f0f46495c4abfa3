"""Shapes of requests and answers, for the API's documentation."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from decisionos.kernel.web import bodies

Base = serializers.Serializer[Any]


class AskSerializer(bodies.Body):
    """One request."""

    input = serializers.JSONField(help_text="what the contract's input schema describes")
    subject = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=200)
    purpose = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=63)
    context = serializers.DictField(required=False, allow_null=True)  # type: ignore[assignment]


class LedgerSerializer(Base):
    """Where the decision stands in the ledger."""

    entry_id = serializers.UUIDField()


class ModelMetaSerializer(Base):
    """Which model took part."""

    chosen_model = serializers.CharField()
    budgets = serializers.DictField()
    route = serializers.CharField()
    degraded = serializers.BooleanField()


class AnswerSerializer(Base):
    """A decision as it is answered."""

    decision_id = serializers.UUIDField()
    reasons = serializers.ListField(child=serializers.CharField())
    confidence = serializers.FloatField()
    required_docs = serializers.ListField(child=serializers.CharField())
    rules_applied = serializers.ListField(child=serializers.DictField())
    not_evaluated = serializers.ListField(child=serializers.DictField())
    nearest_flip = serializers.DictField(allow_null=True)
    versions = serializers.DictField()
    model_meta = ModelMetaSerializer()
    trace_id = serializers.CharField()
    ledger = LedgerSerializer()

    def get_fields(self) -> dict[str, Any]:
        """Add the one name that Python reserves."""
        return {**super().get_fields(), "class": serializers.ChoiceField(["approve", "review", "reject"])}


class SimulateSerializer(bodies.Body):
    """Rows to rehearse."""

    rows = serializers.ListField(child=serializers.DictField())
    label_key = serializers.CharField(required=False, allow_blank=True, max_length=63)


class SummarySerializer(Base):
    """A decision as a list shows it."""

    decision_id = serializers.UUIDField()
    contract = serializers.CharField()
    contract_version = serializers.CharField()
    reasons = serializers.ListField(child=serializers.CharField())
    confidence = serializers.FloatField()
    required_docs = serializers.ListField(child=serializers.CharField())
    subject = serializers.CharField(allow_blank=True)
    environment = serializers.CharField(allow_blank=True)
    trace_id = serializers.CharField(allow_blank=True)
    decided_at = serializers.DateTimeField()

    def get_fields(self) -> dict[str, Any]:
        """Add the one name that Python reserves."""
        return {**super().get_fields(), "class": serializers.ChoiceField(["approve", "review", "reject"])}


class ExplanationSerializer(SummarySerializer):
    """Everything about one decision."""

    input = serializers.DictField()
    rules_applied = serializers.ListField(child=serializers.DictField())
    not_evaluated = serializers.ListField(child=serializers.DictField())
    nearest_flip = serializers.DictField(allow_null=True)
    versions = serializers.DictField()
    model_meta = ModelMetaSerializer()
    input_hash = serializers.CharField()
    output_hash = serializers.CharField()
    purpose = serializers.CharField(allow_blank=True)
    consent_id = serializers.UUIDField(allow_null=True)
    actor = serializers.CharField(allow_blank=True)
    duration_us = serializers.IntegerField()
    ledger = LedgerSerializer()


class DecisionPageSerializer(Base):
    """One page of decisions."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = SummarySerializer(many=True)


class ReplaySerializer(Base):
    """Whether a decision comes out the same again."""

    decision_id = serializers.UUIDField()
    identical = serializers.BooleanField()
    recorded = serializers.DictField()
    replayed = serializers.DictField()
    input_hash = serializers.CharField()
    versions = serializers.DictField()


class ContractSerializer(Base):
    """One version of a contract."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    version = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    input_schema = serializers.DictField()
    output_schema = serializers.DictField()
    rulesets = serializers.ListField(child=serializers.DictField())
    label_key = serializers.CharField(allow_blank=True)
    checklist = serializers.DictField()
    purpose = serializers.CharField(allow_blank=True)
    state = serializers.CharField()
    digest = serializers.CharField()
    created_by = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    activated_at = serializers.DateTimeField(allow_null=True)


class ContractPageSerializer(Base):
    """One page of contracts."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = ContractSerializer(many=True)


class BacktestSerializer(Base):
    """An evaluation and where it stands."""

    id = serializers.UUIDField()
    contract = serializers.CharField()
    version = serializers.CharField()
    baseline = serializers.CharField(allow_blank=True)
    source = serializers.CharField()  # type: ignore[assignment]
    file_name = serializers.CharField(allow_blank=True)
    label_key = serializers.CharField(allow_blank=True)
    state = serializers.CharField()
    progress = serializers.IntegerField()
    error = serializers.CharField(allow_blank=True)
    attempts = serializers.IntegerField()
    created_by = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class BacktestPageSerializer(Base):
    """One page of evaluations."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = BacktestSerializer(many=True)


class BacktestAskSerializer(bodies.Body):
    """What to evaluate: a file, or the decisions already made."""

    contract = serializers.CharField(max_length=63)
    version = serializers.CharField(max_length=40, required=False)
    baseline = serializers.CharField(max_length=40, required=False, allow_blank=True)
    label_key = serializers.CharField(max_length=63, required=False, allow_blank=True)
    history = serializers.BooleanField(required=False, default=False)
    rows = serializers.FileField(required=False, help_text=".csv, .jsonl or .parquet")
