"""The API of offline evaluations."""

from __future__ import annotations

import base64
import hashlib
import uuid
from typing import Any

from django.http import HttpResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from decisionos.kernel import errors
from decisionos.kernel.web.api import ApiView
from policy.decisions import selectors, serializers
from policy.decisions.backtests import report, services
from policy.decisions.models import Backtest


class BacktestNotReady(errors.Conflict):
    """The evaluation has no report yet, or failed."""

    code = "backtest_not_ready"
    title = "There is no report yet"


def as_json(row: Backtest) -> dict[str, Any]:
    """Return an evaluation as the API shows it."""
    return {
        "id": str(row.id),
        "contract": row.contract,
        "version": row.version,
        "baseline": row.baseline,
        "source": row.source,
        "label_key": row.label_key,
        "state": row.state,
        "progress": row.progress,
        "error": row.error,
        "created_at": row.created_at.isoformat(),
        "finished_at": row.finished_at.isoformat() if row.finished_at else None,
    }


class BacktestListView(ApiView):
    """Evaluations."""

    required_permission = "decision.simulate"
    parser_classes = [MultiPartParser, JSONParser]

    @extend_schema(
        operation_id="backtests_list", responses=serializers.BacktestPageSerializer, tags=["backtests"]
    )
    def get(self, request: Request) -> Response:
        """List evaluations, newest first."""
        return self.paginate(services.list_backtests(), as_json)

    @extend_schema(
        operation_id="backtests_request",
        request={
            "multipart/form-data": serializers.BacktestAskSerializer,
            "application/json": serializers.BacktestAskSerializer,
        },
        responses={202: serializers.BacktestSerializer},
        tags=["backtests"],
    )
    def post(self, request: Request) -> Response:
        """Ask for an evaluation over a file, or over the decisions already made."""
        asked = serializers.BacktestAskSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        upload = given.get("rows")
        source = (
            services.HISTORY
            if given["history"]
            else str(getattr(upload, "name", "")).rpartition(".")[2].lower()
        )
        row = services.request_backtest(
            contract=given["contract"],
            version=given.get("version", ""),
            baseline=given.get("baseline", ""),
            label_key=given.get("label_key", ""),
            source=source,
            content=upload.read() if upload is not None else None,
            actor=str(getattr(request.auth, "actor", "")),
        )
        return Response(as_json(row), status=202)


class BacktestView(ApiView):
    """One evaluation."""

    required_permission = "decision.simulate"

    @extend_schema(operation_id="backtests_get", responses=serializers.BacktestSerializer, tags=["backtests"])
    def get(self, request: Request, backtest_id: uuid.UUID) -> Response:
        """Return where an evaluation stands."""
        return Response(as_json(selectors.get_backtest(backtest_id=backtest_id)))


class BacktestReportView(ApiView):
    """The report of one evaluation."""

    required_permission = "decision.simulate"

    @extend_schema(
        operation_id="backtests_report",
        parameters=[OpenApiParameter("as", OpenApiTypes.STR, enum=["json", "html"])],
        responses={(200, "application/json"): OpenApiTypes.OBJECT, (200, "text/html"): OpenApiTypes.STR},
        tags=["backtests"],
    )
    def get(self, request: Request, backtest_id: uuid.UUID) -> Any:
        """Return the report as JSON, or as one HTML page."""
        row = selectors.get_backtest(backtest_id=backtest_id)
        if row.report is None:
            raise BacktestNotReady(row.error or f"The evaluation is {row.state}, {row.progress} %.")
        if request.query_params.get("as") != "html":
            return Response(row.report)
        page = HttpResponse(report.render(row.report), content_type="text/html; charset=utf-8")
        style = base64.b64encode(hashlib.sha256(report.STYLE.encode()).digest()).decode()
        page["Content-Security-Policy"] = (
            f"default-src 'none'; style-src 'sha256-{style}'; frame-ancestors 'none'"
        )
        return page


routes = [
    path("backtests", BacktestListView.as_view()),
    path("backtests/<uuid:backtest_id>", BacktestView.as_view()),
    path("backtests/<uuid:backtest_id>/report", BacktestReportView.as_view()),
]
