"""The API of offline evaluations."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import orjson
from django.http import HttpResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from decisionos.kernel import errors
from decisionos.kernel.web import bodies
from decisionos.kernel.web.api import ApiView
from policy.decisions import selectors, serializers
from policy.decisions.backtests import report, services, shapes, sharing, sources, uploads
from policy.decisions.models import Backtest


def as_json(row: Backtest) -> dict[str, Any]:
    """Return an evaluation as the API shows it."""
    return {
        "id": str(row.id),
        "contract": row.contract,
        "version": row.version,
        "baseline": row.baseline,
        "source": row.source,
        "file_name": row.file_name,
        "label_key": row.label_key,
        "state": row.state,
        "progress": row.progress,
        "error": row.error,
        "attempts": row.attempts,
        "created_by": row.created_by,
        "created_at": row.created_at.isoformat(),
        "started_at": row.started_at.isoformat() if row.started_at else None,
        "finished_at": row.finished_at.isoformat() if row.finished_at else None,
    }


def _columns_of(raw: str) -> dict[str, str] | None:
    """Return a mapping given as JSON text in a form; raises SourceInvalid."""
    if not raw:
        return None
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise sources.SourceInvalid("mapping must be a JSON object.") from error
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise sources.SourceInvalid("mapping must name a column for each field.")
    return value


class BacktestListView(ApiView):
    """Evaluations."""

    required_permission = "decision.simulate"
    parser_classes = [MultiPartParser, bodies.JsonParser]

    @extend_schema(
        operation_id="backtests_list", responses=serializers.BacktestPageSerializer, tags=["backtests"]
    )
    def get(self, request: Request) -> Response:
        """List evaluations, newest first."""
        return self.paginate(services.list_backtests(), as_json)

    @extend_schema(
        operation_id="backtests_request",
        request={
            "multipart/form-data": shapes.BacktestRequestSerializer,
            "application/json": shapes.BacktestRequestSerializer,
        },
        responses={202: serializers.BacktestSerializer},
        tags=["backtests"],
    )
    def post(self, request: Request) -> Response:
        """Ask for an evaluation over a file, or over the decisions already made."""
        given = bodies.read(request, shapes.BacktestRequestSerializer)
        upload = given.get("rows")
        source = services.HISTORY
        if not given["history"]:
            source = uploads.kind_of(str(getattr(upload, "name", "")))
        if upload is not None:
            uploads.check_size(int(upload.size))
        named = [name for name in given.get("segments", "").split(",") if name.strip()]
        row = services.request_backtest(
            contract=given["contract"],
            version=given.get("version", ""),
            baseline=given.get("baseline", ""),
            label_key=given.get("label_key", ""),
            source=source,
            content=upload.read() if upload is not None else None,
            file_name=str(getattr(upload, "name", "")),
            columns=_columns_of(given.get("mapping", "")),
            segments=[name.strip() for name in named] or None,
            start=given.get("start"),
            end=given.get("end"),
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


class BacktestCancelView(ApiView):
    """The end of an evaluation before it is done."""

    required_permission = "decision.simulate"

    @extend_schema(
        operation_id="backtests_cancel",
        request=None,
        responses=serializers.BacktestSerializer,
        tags=["backtests"],
    )
    def post(self, request: Request, backtest_id: uuid.UUID) -> Response:
        """Cancel an evaluation that waits or runs."""
        actor = str(getattr(request.auth, "actor", ""))
        return Response(as_json(services.cancel_backtest(backtest_id=backtest_id, actor=actor)))


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
        form = request.query_params.get("as", "json")
        if form not in {"json", "html"}:
            told = {"pointer": "/as", "message": "must be json or html"}
            raise errors.Invalid("A parameter is not acceptable.", errors=[told])
        row = services.get_report(backtest_id=backtest_id)
        if form == "json":
            return Response(row.report)
        return report.response(row.report or {})


class BacktestDownloadView(ApiView):
    """A list of one evaluation, whole."""

    required_permission = "decision.simulate"

    @extend_schema(
        operation_id="backtests_download",
        parameters=[OpenApiParameter("kind", OpenApiTypes.STR, "path", enum=["flips", "bad_rows"])],
        responses={(200, "text/csv"): OpenApiTypes.STR},
        tags=["backtests"],
    )
    def get(self, request: Request, backtest_id: uuid.UUID, kind: str) -> HttpResponse:
        """Return every decision that flips, or every invalid row, as CSV."""
        content = services.get_download(backtest_id=backtest_id, kind=kind)
        return csv_response(content, f"{kind}-{backtest_id}")


def csv_response(content: bytes, name: str) -> HttpResponse:
    """Return a CSV file to keep."""
    found = HttpResponse(content, content_type="text/csv; charset=utf-8")
    found["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return found


class BacktestShareView(ApiView):
    """Links to a report for people without a key."""

    required_permission = "decision.simulate"

    @extend_schema(
        operation_id="backtests_share",
        request=shapes.ShareSerializer,
        responses={201: shapes.LinkSerializer},
        tags=["backtests"],
    )
    def post(self, request: Request, backtest_id: uuid.UUID) -> Response:
        """Make a link that opens the report for a while."""
        hours = bodies.read(request, shapes.ShareSerializer)["hours"]
        services.get_report(backtest_id=backtest_id)
        lives = timedelta(hours=hours)
        actor = str(getattr(request.auth, "actor", ""))
        token = sharing.share(backtest_id=backtest_id, lives=lives, actor=actor)
        return Response({"path": f"/shared/backtests/{token}"}, status=201)

    @extend_schema(operation_id="backtests_unshare", responses={204: None}, tags=["backtests"])
    def delete(self, request: Request, backtest_id: uuid.UUID) -> Response:
        """End every link to the report."""
        sharing.end_links(backtest_id=backtest_id, actor=str(getattr(request.auth, "actor", "")))
        return Response(status=204)


class BacktestComparisonView(ApiView):
    """Two evaluations beside each other."""

    required_permission = "decision.simulate"

    @extend_schema(
        operation_id="backtests_compare",
        responses={200: OpenApiTypes.OBJECT},
        tags=["backtests"],
    )
    def get(self, request: Request, first_id: uuid.UUID, second_id: uuid.UUID) -> Response:
        """Return the figures of both, and second minus first."""
        return Response(services.compare(first_id=first_id, second_id=second_id))


routes = [
    path("backtests", BacktestListView.as_view()),
    path("backtests/<uuid:backtest_id>", BacktestView.as_view()),
    path("backtests/<uuid:backtest_id>/cancel", BacktestCancelView.as_view()),
    path("backtests/<uuid:backtest_id>/report", BacktestReportView.as_view()),
    path("backtests/<uuid:backtest_id>/share", BacktestShareView.as_view()),
    path("backtests/<uuid:backtest_id>/<str:kind>.csv", BacktestDownloadView.as_view()),
    path("backtests/<uuid:first_id>/compared-with/<uuid:second_id>", BacktestComparisonView.as_view()),
]
