"""The API of decisions and contracts. Evaluations are in ``backtests.api``; the hot path in ``web``."""

from __future__ import annotations

import uuid
from typing import Any

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils import urls

from decisionos.kernel import clock, errors
from decisionos.kernel.web import bodies, documentation
from decisionos.kernel.web.api import ApiView
from policy.decisions import filters, listing, pipeline, selectors, serializers, services, web
from policy.decisions.backtests import api as backtests
from policy.decisions.backtests import services as evaluations
from policy.decisions.contracts import document
from policy.decisions.contracts import selectors as contracts
from policy.decisions.contracts import services as contract_services
from policy.decisions.enums import DecisionClass
from tenancy.access import services as access

_BUDGETS = [
    OpenApiParameter(
        header, OpenApiTypes.DOUBLE, OpenApiParameter.HEADER, description="what this decision may take"
    )
    for header in web.BUDGETS.values()
]


class DecideDocumentation(ApiView):
    """Documents ``web.decide``, which serves this path."""

    required_permission = "decision.create"

    @extend_schema(
        operation_id="decide",
        request=serializers.AskSerializer,
        responses=serializers.AnswerSerializer,
        parameters=_BUDGETS,
        tags=["decisions"],
    )
    def post(self, request: Request, contract: str) -> Response:
        """Decide one request."""
        subject = access_subject(request)
        asked = pipeline.read_request(request.data)
        caller = web.caller_of(subject)
        return Response(services.decide(contract=contract, asked=asked, caller=caller, now=clock.now()))


class BatchDocumentation(ApiView):
    """Documents ``web.decide_batch``, which serves this path."""

    required_permission = "decision.create"

    @extend_schema(
        operation_id="decide_batch",
        request={
            "application/x-ndjson": serializers.AskSerializer,
            "application/json": serializers.AskSerializer(many=True),
        },
        responses={(200, "application/x-ndjson"): OpenApiTypes.STR},
        parameters=[documentation.idempotency(web.MOST_CHARACTERS_OF_A_BATCH)],
        tags=["decisions"],
    )
    def post(self, request: Request, contract: str) -> Response:
        """Decide many requests; each line of the answer is a decision or an error with its line number."""
        raise errors.BadRequest("Send the rows as application/x-ndjson or as a JSON array.")


def access_subject(request: Request) -> access.Subject:
    """Return the subject that authentication found."""
    if not isinstance(request.auth, access.Subject):
        raise errors.Unauthenticated()
    return request.auth


class SimulateView(ApiView):
    """A rehearsal over rows in the request."""

    required_permission = "decision.simulate"

    @extend_schema(
        operation_id="simulate",
        request=serializers.SimulateSerializer,
        responses=OpenApiTypes.OBJECT,
        tags=["decisions"],
    )
    def post(self, request: Request, contract: str) -> Response:
        """Return the metrics of the contract in force over the rows; nothing is stored."""
        asked = bodies.read(request, serializers.SimulateSerializer)
        rows, label = asked["rows"], asked.get("label_key", "")
        if len(rows) > services.MOST_REHEARSED:
            raise errors.TooLarge(f"At most {services.MOST_REHEARSED} rows; use an evaluation for more.")
        return Response(evaluations.rehearse(contract=contract, rows=rows, label_key=label))


class ExplainView(ApiView):
    """Everything about one decision."""

    required_permission = "decision.read"

    @extend_schema(operation_id="explain", responses=serializers.ExplanationSerializer, tags=["decisions"])
    def get(self, request: Request, decision_id: uuid.UUID) -> Response:
        """Explain a decision; the input is masked without the right to read it."""
        row = selectors.get_decision(decision_id=decision_id)
        with_input = access.is_allowed(access_subject(request), "decision.read_input", row)
        return Response(selectors.explanation(row, with_input=with_input))


_SHAPES: dict[str, Any] = {
    "class": {"type": "string", "enum": list(DecisionClass.values)},
    "from": OpenApiTypes.DATETIME,
    "to": OpenApiTypes.DATETIME,
    "confidence_min": {"type": "number", "minimum": 0, "maximum": 1},
    "confidence_max": {"type": "number", "minimum": 0, "maximum": 1},
    "id": OpenApiTypes.UUID,
    "ledger": OpenApiTypes.UUID,
}
_TEXT = {"type": "string", "maxLength": filters.MOST_CHARACTERS}
_MANY = {"contract", "version", "class", "reason", "rule", "environment"}


def _filter(name: str) -> OpenApiParameter:
    shape = _SHAPES.get(name, _TEXT)
    if name in _MANY:
        shape = {"type": "array", "items": shape, "maxItems": filters.MOST_VALUES}
    return OpenApiParameter(name, shape)


_FILTERS = [_filter(name) for name in filters.NAMES]


class DecisionListView(ApiView):
    """Decisions, newest first."""

    required_permission = "decision.read"

    @extend_schema(
        operation_id="decisions_list",
        parameters=_FILTERS,
        responses=serializers.DecisionPageSerializer,
        tags=["decisions"],
    )
    def get(self, request: Request) -> Response:
        """List decisions under filters."""
        blank = [name for name in _SHAPES if name in request.query_params and not request.query_params[name]]
        if blank:
            told = [{"pointer": f"/{name}", "message": "must not be empty"} for name in blank]
            raise filters.FilterInvalid(errors=told)
        wanted = filters.from_query(request.query_params)
        page = listing.list_page(
            wanted,
            cursor=request.query_params.get("cursor", ""),
            limit=self.pagination_class().get_page_size(request),
        )
        here = request.build_absolute_uri()
        links = {
            name: urls.replace_query_param(here, "cursor", cursor) if cursor else None
            for name, cursor in (("next", page.next), ("previous", page.previous))
        }
        return Response({**links, "results": [selectors.summary(row) for row in page.rows]})


class ReplayView(ApiView):
    """A decision made again."""

    required_permission = "decision.read"

    @extend_schema(
        operation_id="decisions_replay",
        request=None,
        responses=serializers.ReplaySerializer,
        tags=["decisions"],
    )
    def post(self, request: Request, decision_id: uuid.UUID) -> Response:
        """Decide again with the recorded versions; nothing is stored."""
        return Response(services.replay(decision_id=decision_id))


class ContractListView(ApiView):
    """Contracts."""

    required_permission = {"GET": "policy.read", "POST": "policy.write"}

    @extend_schema(
        operation_id="contracts_list",
        parameters=[OpenApiParameter("name", OpenApiTypes.STR)],
        responses=serializers.ContractPageSerializer,
        tags=["contracts"],
    )
    def get(self, request: Request) -> Response:
        """List the versions, newest first."""
        name = request.query_params.get("name", "").replace("\x00", "")
        return self.paginate(contracts.list_contracts(name=name or None), contracts.as_json)

    @extend_schema(
        operation_id="contracts_save",
        request=OpenApiTypes.OBJECT,
        responses={201: serializers.ContractSerializer},
        tags=["contracts"],
    )
    def post(self, request: Request) -> Response:
        """Save a version as a draft."""
        if not isinstance(request.data, dict):
            raise document.ContractInvalid("The contract must be an object.")
        value = document.parse(_plain(request.data))
        row = contract_services.save_contract(value=value, actor=access_subject(request).actor)
        return Response(contracts.as_json(row), status=201)


def _plain(value: Any) -> dict[str, Any]:
    return {str(key): item for key, item in value.items()}


class ContractStateView(ApiView):
    """A write that changes which version of a contract is in force."""

    def state(self, request: Request, **kwargs: Any) -> Any:
        """Return what ``GET contracts/{name}`` answers, or None."""
        try:
            return contracts.as_json(contracts.get_active(name=kwargs["name"]))
        except contracts.ContractNotFound:
            return None

    def state_path(self, request: Request) -> str:
        """Return the contract's name: its versions share one state."""
        return f"contracts {self.kwargs['name']}"


class ContractView(ApiView):
    """One contract."""

    required_permission = "policy.read"

    @extend_schema(
        operation_id="contracts_in_force", responses=serializers.ContractSerializer, tags=["contracts"]
    )
    def get(self, request: Request, name: str) -> Response:
        """Return the version in force; its ETag binds an activation or a way back to it."""
        return Response(contracts.as_json(contracts.get_active(name=name)))


class ContractActivateView(ContractStateView):
    """Activation of one version."""

    required_permission = "policy.write"

    def find_resource(self) -> Any:
        """Return the contract, which may be granted by itself."""
        return contracts.list_contracts(name=self.kwargs["name"]).first()

    @extend_schema(
        operation_id="contracts_activate",
        request=None,
        responses=serializers.ContractSerializer,
        tags=["contracts"],
    )
    def post(self, request: Request, name: str, version: str) -> Response:
        """Put a version in force; every process sees it within a second."""
        actor = access_subject(request).actor
        row = contract_services.activate_contract(name=name, version=version, actor=actor, now=clock.now())
        return Response(contracts.as_json(row))


class ContractRollBackView(ContractStateView):
    """The way back."""

    required_permission = "policy.write"

    def find_resource(self) -> Any:
        """Return the contract, which may be granted by itself."""
        return contracts.list_contracts(name=self.kwargs["name"]).first()

    @extend_schema(
        operation_id="contracts_roll_back",
        request=None,
        responses=serializers.ContractSerializer,
        tags=["contracts"],
    )
    def post(self, request: Request, name: str) -> Response:
        """Put the version before the present one back in force."""
        row = contract_services.roll_back_contract(
            name=name, actor=access_subject(request).actor, now=clock.now()
        )
        return Response(contracts.as_json(row))


routes = [
    path(
        "decide/<str:contract>",
        web.endpoint(web.decide, permission="decision.create", documented=DecideDocumentation),
    ),
    path(
        "decide/<str:contract>/batch",
        web.endpoint(web.decide_batch, permission="decision.create", documented=BatchDocumentation),
    ),
    path("simulate/<str:contract>", SimulateView.as_view()),
    path("explain/<uuid:decision_id>", ExplainView.as_view()),
    path("decisions", DecisionListView.as_view()),
    path("decisions/<uuid:decision_id>/replay", ReplayView.as_view()),
    path("contracts", ContractListView.as_view()),
    path("contracts/<str:name>", ContractView.as_view()),
    path("contracts/<str:name>/versions/<str:version>/activate", ContractActivateView.as_view()),
    path("contracts/<str:name>/rollback", ContractRollBackView.as_view()),
    *backtests.routes,
]
