"""Reads of decisions."""

from __future__ import annotations

import uuid
from typing import Any

from decisionos.kernel import errors
from policy.decisions import pipeline
from policy.decisions.models import Backtest, Decision

MASKED = "•••"


class DecisionNotFound(errors.NotFound):
    """There is no such decision in this organization."""

    code = "decision_not_found"
    title = "There is no such decision"


class BacktestNotFound(errors.NotFound):
    """There is no such evaluation in this organization."""

    code = "backtest_not_found"
    title = "There is no such evaluation"


def get_decision(*, decision_id: uuid.UUID) -> Decision:
    """Return one decision; raises DecisionNotFound."""
    found = Decision.objects.filter(id=decision_id).first()
    if found is None:
        raise DecisionNotFound(f"There is no decision {decision_id}.")
    return found


def get_backtest(*, backtest_id: uuid.UUID) -> Backtest:
    """Return one evaluation without its rows; raises BacktestNotFound."""
    found = Backtest.objects.defer("upload").filter(id=backtest_id).first()
    if found is None:
        raise BacktestNotFound(f"There is no evaluation {backtest_id}.")
    return found


def answer_of(row: Decision, held: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what was answered: the columns and the sealed part (``held``, opened unless given)."""
    sealed = held or pipeline.open_seal(bytes(row.sealed))
    applied = zip(row.rules_applied, sealed["seen"], strict=True)
    return {
        "decision_id": str(row.id),
        "class": row.decision_class,
        "reasons": row.reasons,
        "confidence": row.confidence,
        "required_docs": row.required_docs,
        "rules_applied": [pipeline.with_values(rule, seen) for rule, seen in applied],
        "not_evaluated": pipeline.answered_causes(row.not_evaluated),
        "nearest_flip": sealed["nearest_flip"],
        "versions": pipeline.answered_versions(row.versions),
        "model_meta": pipeline.model_meta(sealed["budgets"]),
        "trace_id": row.corr_id,
        "ledger": {"entry_id": str(row.ledger_entry_id)},
    }


def summary(row: Decision) -> dict[str, Any]:
    """Return a decision as a list shows it; nothing sealed is opened."""
    return {
        "decision_id": str(row.id),
        "contract": row.contract,
        "contract_version": row.contract_version,
        "class": row.decision_class,
        "reasons": row.reasons,
        "confidence": row.confidence,
        "required_docs": row.required_docs,
        "subject": row.subject_ref,
        "environment": row.environment,
        "trace_id": row.corr_id,
        "decided_at": row.decided_at.isoformat(),
    }


def _masked(answer: dict[str, Any]) -> dict[str, Any]:
    rules = [
        {
            **{k: v for k, v in rule.items() if k != "margin"},
            "values": dict.fromkeys(rule.get("values", {}), MASKED),
        }
        for rule in answer["rules_applied"]
    ]
    flip = answer["nearest_flip"]
    return {
        "rules_applied": rules,
        "nearest_flip": flip and {**flip, "from": MASKED, "to": MASKED},
    }


def explanation(row: Decision, *, with_input: bool) -> dict[str, Any]:
    """Return everything about a decision; without the right, the values of the input are masked."""
    held = pipeline.open_seal(bytes(row.sealed))
    answer = answer_of(row, held)
    shown = {
        **summary(row),
        "subject": held["subject"] if with_input else row.subject_ref,
        "input": held["input"] if with_input else dict.fromkeys(held["input"], MASKED),
        "rules_applied": answer["rules_applied"],
        "not_evaluated": row.not_evaluated,
        "nearest_flip": answer["nearest_flip"],
        "versions": row.versions,
        "model_meta": answer["model_meta"],
        "input_hash": row.input_hash,
        "output_hash": row.output_hash,
        "purpose": row.purpose,
        "consent_id": str(row.consent_id) if row.consent_id else None,
        "actor": row.actor,
        "duration_us": row.duration_us,
        "ledger": {"entry_id": str(row.ledger_entry_id)},
    }
    return shown if with_input else {**shown, **_masked(answer)}
