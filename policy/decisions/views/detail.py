"""One decision: its own page, or beside the list; replay, proof and personal data on demand."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from decisionos.kernel import errors
from decisionos.kernel.console import context, pages, questions
from decisionos.kernel.ledger import checking, proofs
from decisionos.kernel.ledger import services as ledger
from policy.decisions import selectors, services, showing, wording
from policy.decisions.contracts import cache
from policy.decisions.models import Decision


class DecisionPage(pages.Page):
    """One decision."""

    template = "policy/decisions/detail.html"
    permission = "decision.read"
    title = gettext_lazy("Decision")
    active = "decisions"

    def get(self, request: HttpRequest, decision_id: uuid.UUID) -> HttpResponse:
        """Show it."""
        row = selectors.get_decision(decision_id=decision_id)
        return self.answer(request, row, partial="policy/decisions/detail_body.html")

    def answer(
        self, request: HttpRequest, row: Decision, *, partial: str, personal: bool = False, **more: Any
    ) -> HttpResponse:
        """Answer with the page, or with the part that htmx asked for."""
        allowed = context.shell_of(request).allowed
        shown = showing.show(row, with_input="decision.read_input" in allowed, with_personal=personal)
        return self.render(
            request,
            {
                "title": _("Decision %(name)s") % {"name": str(row.id)[-12:]},
                "row": row,
                "shown": shown,
                "history": showing.history(row, shown.seal),
                "took": wording.duration(row.duration_us),
                "environment": wording.environment_label(row.environment),
                "may_prove": "ledger.read" in allowed,
                **more,
            },
            partial=partial,
        )


class ReplayPage(DecisionPage):
    """A decision made again."""

    def post(self, request: HttpRequest, decision_id: uuid.UUID) -> HttpResponse:
        """Decide again with the recorded versions, and with those in force where they differ."""
        row = selectors.get_decision(decision_id=decision_id)
        found: dict[str, Any] = {"refusal": "", "runs": []}
        try:
            outcome = services.replay(decision_id=decision_id)
            compiled = showing.compiled_for(row)
            if compiled is not None:
                found["runs"].append(showing.again(row, compiled, is_identical=outcome["identical"]))
            found["hash"] = outcome["replayed"]["output_hash"]
        except errors.DosError as error:
            found["refusal"] = error.detail
        found["runs"] += self._in_force(row)
        ledger.append(
            kind="decision.replayed",
            payload={"is_identical": bool(found["runs"] and found["runs"][0].is_identical)},
            subject_type="decision",
            subject_id=str(row.id),
        )
        return self.answer(request, row, partial="policy/decisions/replay.html", replay=found)

    @staticmethod
    def _in_force(row: Decision) -> list[showing.Again]:
        try:
            compiled = cache.active(row.tenant_id, row.contract)
            if compiled.versions == row.versions:
                return []
            return [showing.again(row, compiled)]
        except errors.DosError:
            return []


class VerifyPage(DecisionPage):
    """A decision's proof, checked."""

    def post(self, request: HttpRequest, decision_id: uuid.UUID) -> HttpResponse:
        """Check the entry's digest, its path to the signed root, and the signature."""
        questions.door().authorize(request, "ledger.read")
        row = selectors.get_decision(decision_id=decision_id)
        found = checking.check_entry(row.ledger_entry_id)
        return self.answer(request, row, partial="kernel/ledger/checked.html", checked=found)


class ProofPage(pages.Page):
    """A decision's proof as a file."""

    permission = "ledger.read"

    def get(self, request: HttpRequest, decision_id: uuid.UUID) -> HttpResponse:
        """Download it; raises NotSealed where the entry waits for its seal."""
        questions.door().authorize(request, "decision.read")
        row = selectors.get_decision(decision_id=decision_id)
        proof = proofs.prove_entry(row.ledger_entry_id).as_json()
        name = f'attachment; filename="decision-{row.id}-proof.json"'
        return JsonResponse(proof, json_dumps_params={"indent": 2}, headers={"Content-Disposition": name})


class PersonalPage(DecisionPage):
    """The personal data in a decision's input."""

    def post(self, request: HttpRequest, decision_id: uuid.UUID) -> HttpResponse:
        """Show it, and note who looked."""
        questions.door().authorize(request, "decision.read_input")
        row = selectors.get_decision(decision_id=decision_id)
        ledger.append(
            kind="decision.input_read",
            payload={"decision_id": str(row.id)},
            subject_type="decision",
            subject_id=str(row.id),
        )
        return self.answer(request, row, partial="policy/decisions/input.html", personal=True)
