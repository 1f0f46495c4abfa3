"""Shapes of the requests and answers of evaluations, for the API's documentation."""

from __future__ import annotations

from rest_framework import serializers

from decisionos.kernel.web import bodies
from policy.decisions.serializers import BacktestAskSerializer, Base


class BacktestRequestSerializer(BacktestAskSerializer):
    """What to evaluate: a file, or the decisions already made in a window of time."""

    mapping = serializers.CharField(
        required=False, allow_blank=True, max_length=20_000, help_text="JSON: column of the file by field"
    )
    segments = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=2_000,
        help_text="fields to cut by, with commas; all if absent",
    )
    start = serializers.DateTimeField(required=False, help_text="first moment of the history")
    end = serializers.DateTimeField(required=False, help_text="moment before which the history ends")


class ShareSerializer(bodies.Body):
    """How long a link lives."""

    hours = serializers.IntegerField(required=False, default=72, min_value=1, max_value=720)


class LinkSerializer(Base):
    """Where a shared report is."""

    path = serializers.CharField()
