"""The API of rules: check, try, coverage, versions, drafts, activation and the way back."""

from __future__ import annotations

import uuid
from typing import Any

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from decisionos.kernel import clock
from decisionos.kernel.web.api import ApiView
from policy.rules import (
    doors,
    drafts,
    grids,
    selectors,
    serializers,
    services,
    tables,
    trying,
    uses,
)
from policy.rules.checking import check as check_text
from tenancy.access import services as access

_CONTRACT = OpenApiParameter("contract", OpenApiTypes.STR, required=True)
MOST_RECENT = 50


class LintView(ApiView):
    """Rules checked as text."""

    required_permission = "policy.read"

    @extend_schema(
        operation_id="rules_lint",
        request=serializers.LintSerializer,
        responses=serializers.CheckedSerializer,
        tags=["rules"],
    )
    def post(self, request: Request) -> Response:
        """Return everything wrong or odd with line, column and an example input; nothing is stored."""
        data = doors.given(request, serializers.LintSerializer)
        return Response(trying.check(source=data["text"], contract=data["contract"], schema=data["schema"]))


class TryView(ApiView):
    """Rules tried on one input."""

    required_permission = "decision.simulate"

    @extend_schema(
        operation_id="rules_try",
        request=serializers.TrySerializer,
        responses=serializers.TriedSerializer,
        tags=["rules"],
    )
    def post(self, request: Request) -> Response:
        """Decide with a trace and record nothing; the input of a decision needs the right to read it."""
        data = doors.given(request, serializers.TrySerializer)
        ruleset = trying.ruleset_of(source=data["text"], name=data["ruleset"], version=data["version"])
        if data["decision_id"] is None:
            return Response(trying.attempt(contract=data["contract"], ruleset=ruleset, given=data["input"]))
        access.authorize(doors.subject_of(request), "decision.read_input")
        again = trying.attempt_again(
            contract=data["contract"], ruleset=ruleset, decision_id=data["decision_id"]
        )
        return Response(again)


class CoverageView(ApiView):
    """What rules reach."""

    required_permission = "decision.simulate"

    @extend_schema(
        operation_id="rules_coverage",
        request=serializers.CoverageSerializer,
        responses=serializers.ReachSerializer,
        tags=["rules"],
    )
    def post(self, request: Request) -> Response:
        """Count hits, misses and shadowed rules over rows, or over the newest decisions."""
        data = doors.given(request, serializers.CoverageSerializer)
        ruleset = trying.ruleset_of(source=data["text"], name=data["ruleset"], version=data["version"])
        found = trying.coverage(
            contract=data["contract"], ruleset=ruleset, rows=data["rows"], recent=data["recent"]
        )
        return Response(found)


class TableView(ApiView):
    """A table between text, data and cells."""

    required_permission = "policy.read"

    @extend_schema(
        operation_id="rules_table",
        request=serializers.TableSerializer,
        responses=serializers.GridSerializer,
        tags=["rules"],
    )
    def post(self, request: Request) -> Response:
        """Return a table as text and as data, checked; nothing is stored."""
        data = doors.given(request, serializers.TableSerializer)
        if data["cells"] is not None:
            table = grids.of_cells(data["cells"], name=data["name"], hit_policy=data["hit_policy"])
        elif data["table"] is not None:
            table = grids.of_data(data["table"])
        else:
            table = grids.of_text(data["text"] or "")
        text = data["text"] if data["text"] is not None else grids.text_of(table)
        schema = uses.contracts().get(data["contract"]).input_schema if data["contract"] else None
        checked = check_text(text, schema).as_dict()
        return Response({"source": text, "table": tables.as_data(table), "checked": checked})


class WorkspaceView(ApiView):
    """What an editor needs to know of a contract."""

    required_permission = "policy.read"

    @extend_schema(
        operation_id="rules_workspace",
        parameters=[_CONTRACT],
        responses=serializers.WorkspaceSerializer,
        tags=["rules"],
    )
    def get(self, request: Request) -> Response:
        """Return the contract's fields, a sample input and the rulesets in force."""
        return Response(trying.workspace(contract=doors.asked(request, "contract")))


class RecentView(ApiView):
    """Recent decisions to try rules on."""

    required_permission = "decision.read"

    @extend_schema(
        operation_id="rules_recent",
        parameters=[_CONTRACT],
        responses=serializers.RecentSerializer,
        tags=["rules"],
    )
    def get(self, request: Request) -> Response:
        """List the newest decisions of a contract; the input only with the right to read it."""
        with_input = access.is_allowed(doors.subject_of(request), "decision.read_input")
        rows = [
            {
                "decision_id": str(past.decision_id),
                "class": past.decision_class,
                "reasons": list(past.reasons),
                "contract_version": past.contract_version,
                "decided_at": past.decided_at.isoformat(),
                **({"input": past.input} if with_input else {}),
            }
            for past in uses.contracts().recent(doors.asked(request, "contract"), MOST_RECENT)
        ]
        return Response({"results": rows})


class RulesetListView(ApiView):
    """Rulesets."""

    required_permission = "policy.read"

    @extend_schema(
        operation_id="rulesets_list", responses=serializers.RulesetVersionPageSerializer, tags=["rules"]
    )
    def get(self, request: Request) -> Response:
        """List the newest version of each ruleset."""
        return self.paginate(selectors.list_newest(), selectors.as_json)


class VersionListView(ApiView):
    """The versions of a ruleset."""

    required_permission = {"GET": "policy.read", "POST": "policy.write"}

    @extend_schema(
        operation_id="rulesets_versions", responses=serializers.RulesetVersionPageSerializer, tags=["rules"]
    )
    def get(self, request: Request, name: str) -> Response:
        """List the versions, newest first."""
        return self.paginate(
            selectors.list_versions(name=doors.named(name)).defer("source"), selectors.as_json
        )

    @extend_schema(
        operation_id="rulesets_save_version",
        request=serializers.SaveVersionSerializer,
        responses={201: serializers.SavedVersionSerializer},
        tags=["rules"],
    )
    def post(self, request: Request, name: str) -> Response:
        """Make a version; a text that does not fit its contracts is refused, and stays a draft."""
        data = doors.given(request, serializers.SaveVersionSerializer)
        row, checked = services.save_version(
            name=name,
            source=data["text"],
            contract=data["contract"],
            version=data["version"],
            base_version=data["base_version"],
            note=data["note"],
            actor=doors.subject_of(request).actor,
        )
        found = [problem.as_dict() for problem in checked.problems]
        return Response({**selectors.as_json(row), "problems": found}, status=201)


class VersionView(ApiView):
    """One version of a ruleset."""

    required_permission = "policy.read"

    @extend_schema(
        operation_id="rulesets_version", responses=serializers.VersionSourceSerializer, tags=["rules"]
    )
    def get(self, request: Request, name: str, version: str) -> Response:
        """Return a version with its text and the contracts that it is in force for."""
        row = selectors.get_version(name=doors.named(name), version=doors.version_of(version))
        here = [item for item in doors.in_force_of(row.name) if item["version"] == row.version]
        return Response({**selectors.as_json(row, source=True), "in_force": here})


class DifferenceView(ApiView):
    """Two versions compared."""

    required_permission = "policy.read"

    @extend_schema(
        operation_id="rulesets_compare",
        parameters=[OpenApiParameter(name, OpenApiTypes.STR) for name in ("from", "to")],
        responses=serializers.RulesetDifferenceSerializer,
        tags=["rules"],
    )
    def get(self, request: Request, name: str) -> Response:
        """Return what changed, in words and as text; without `from` everything is new."""
        old, new = (doors.asked(request, side, most=40, required=False) for side in ("from", "to"))
        return Response(selectors.compare(name=doors.named(name), old=old, new=new))


class DraftView(ApiView):
    """The caller's own draft of a ruleset, for a contract."""

    required_permission = {"GET": "policy.write", "PUT": "policy.write", "DELETE": "policy.write"}

    def state(self, request: Request, **kwargs: Any) -> Any:
        """Return the draft that a write would change, or None; the contract is in the address or the body."""
        sent = request.data.get("contract") if isinstance(request.data, dict) else None
        contract = request.query_params.get("contract") or sent
        if not isinstance(contract, str):
            return None
        author = doors.subject_of(request).actor
        found = drafts.find_draft(contract=contract, ruleset=kwargs["name"], author=author)
        return None if found is None else drafts.as_json(found, text=True)

    @extend_schema(
        operation_id="rulesets_draft",
        parameters=[_CONTRACT],
        responses=serializers.DraftSerializer,
        tags=["rules"],
    )
    def get(self, request: Request, name: str) -> Response:
        """Return the draft with its text."""
        found = drafts.find_draft(
            contract=doors.asked(request, "contract"),
            ruleset=doors.named(name),
            author=doors.subject_of(request).actor,
        )
        if found is None:
            raise drafts.DraftNotFound("There is no draft.")
        return Response(drafts.as_json(found, text=True))

    @extend_schema(
        operation_id="rulesets_save_draft",
        request=serializers.SaveDraftSerializer,
        responses=serializers.DraftSerializer,
        tags=["rules"],
    )
    def put(self, request: Request, name: str) -> Response:
        """Keep a text, valid or not; 409 with both texts and a merge where another save came between."""
        data = doors.given(request, serializers.SaveDraftSerializer)
        row = drafts.save_draft(
            contract=data["contract"],
            ruleset=doors.named(name),
            author=doors.subject_of(request).actor,
            text=data["text"],
            base_version=data["base_version"],
            revision=data["revision"],
            now=clock.now(),
        )
        return Response(drafts.as_json(row))

    @extend_schema(
        operation_id="rulesets_discard_draft", parameters=[_CONTRACT], responses={204: None}, tags=["rules"]
    )
    def delete(self, request: Request, name: str) -> Response:
        """Remove the draft."""
        drafts.discard_draft(
            contract=doors.asked(request, "contract"),
            ruleset=doors.named(name),
            author=doors.subject_of(request).actor,
        )
        return Response(status=204)


class DraftListView(ApiView):
    """What is being written on a ruleset, by anybody."""

    required_permission = "policy.read"

    @extend_schema(
        operation_id="rulesets_drafts", responses=serializers.DraftSerializer(many=True), tags=["rules"]
    )
    def get(self, request: Request, name: str) -> Response:
        """List the drafts without their texts."""
        return Response([drafts.as_json(row) for row in drafts.list_drafts(ruleset=doors.named(name))[:100]])


class DraftTextView(ApiView):
    """A colleague's draft."""

    required_permission = "policy.write"

    @extend_schema(operation_id="rulesets_read_draft", responses=serializers.DraftSerializer, tags=["rules"])
    def get(self, request: Request, draft_id: uuid.UUID) -> Response:
        """Return a draft of anybody in the organization, to look at or to take over."""
        return Response(drafts.as_json(drafts.get_draft(draft_id=draft_id), text=True))


class ActivateView(ApiView):
    """A version put in force for a contract."""

    required_permission = {"GET": "policy.write", "POST": "policy.write"}

    @extend_schema(
        operation_id="rulesets_preview_activation",
        parameters=[_CONTRACT],
        responses=serializers.PreviewSerializer,
        tags=["rules"],
    )
    def get(self, request: Request, name: str, version: str) -> Response:
        """Say what would change, tried on the newest decisions; nothing is stored."""
        found = services.preview_activation(
            name=doors.named(name),
            version=doors.version_of(version),
            contract=doors.asked(request, "contract"),
        )
        return Response(found)

    @extend_schema(
        operation_id="rulesets_activate",
        request=serializers.ActivateSerializer,
        responses=serializers.InForceSerializer,
        tags=["rules"],
    )
    def post(self, request: Request, name: str, version: str) -> Response:
        """Make and put in force the contract's next version with this version of the ruleset."""
        data = doors.given(request, serializers.ActivateSerializer)
        facts = services.activate(
            name=doors.named(name),
            version=doors.version_of(version),
            contract=data["contract"],
            expected=data["expected"],
            reason=data["reason"],
            confirm=data["confirm"],
            actor=doors.subject_of(request).actor,
        )
        return Response(doors.in_force_json(facts))


class RollBackView(ApiView):
    """The way back."""

    required_permission = "policy.write"

    @extend_schema(
        operation_id="rules_roll_back",
        request=serializers.ContractRollBackSerializer,
        responses=serializers.InForceSerializer,
        tags=["rules"],
    )
    def post(self, request: Request) -> Response:
        """Put the contract's version before the present one back in force, with a reason."""
        data = doors.given(request, serializers.ContractRollBackSerializer)
        facts = services.roll_back(
            contract=data["contract"],
            expected=data["expected"],
            reason=data["reason"],
            confirm=data["confirm"],
            actor=doors.subject_of(request).actor,
        )
        return Response(doors.in_force_json(facts))


routes = [
    path("rules/lint", LintView.as_view()),
    path("rules/try", TryView.as_view()),
    path("rules/coverage", CoverageView.as_view()),
    path("rules/table", TableView.as_view()),
    path("rules/workspace", WorkspaceView.as_view()),
    path("rules/recent", RecentView.as_view()),
    path("rules/rollback", RollBackView.as_view()),
    path("rules/drafts/<uuid:draft_id>", DraftTextView.as_view()),
    path("rulesets", RulesetListView.as_view()),
    path("rulesets/<str:name>/versions", VersionListView.as_view()),
    path("rulesets/<str:name>/versions/<str:version>", VersionView.as_view()),
    path("rulesets/<str:name>/versions/<str:version>/activate", ActivateView.as_view()),
    path("rulesets/<str:name>/diff", DifferenceView.as_view()),
    path("rulesets/<str:name>/draft", DraftView.as_view()),
    path("rulesets/<str:name>/drafts", DraftListView.as_view()),
]
