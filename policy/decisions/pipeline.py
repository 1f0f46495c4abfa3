"""From a request to an answer and the rows that record it. Pure: nothing here reads or writes the database.

What must stay true: the same input under the same compiled contract gives the same ``result`` and the same
output hash; ledger and event carry hashes and names, never a value of the input.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from decisionos.kernel import canonical, encryption, errors, ids
from decisionos.kernel.ledger import services as ledger
from policy.decisions.contracts.compiled import Compiled
from policy.decisions.events import DecisionMade

SEALED_CONTEXT = b"policy_decisions_decision.sealed"
_KNOWN = {"input", "subject", "purpose", "context"}
_LIMITS = {"subject": 200, "purpose": 63}
ROUTE = "rules-only"
_EVENT_FIELDS = tuple(field.name for field in dataclasses.fields(DecisionMade))
# In the order in which they are answered: a column of jsonb keeps none.
_RULE_FIELDS = ("rule", "ruleset", "class", "reasons")
_CAUSE_FIELDS = ("rule", "ruleset", "cause")
_VERSION_FIELDS = ("name", "version", "digest")


class RequestInvalid(errors.Invalid):
    """The request around the input is not acceptable."""

    code = "payload_invalid"
    title = "The request is not acceptable"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, for which organization (``tenant`` is its short name), under which correlation id."""

    tenant_id: uuid.UUID
    actor: str
    corr_id: str = ""
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, its envelope checked."""

    input: Any
    subject: str = ""
    purpose: str = ""
    environment: str = ""
    budgets: Mapping[str, Any] | None = None
    key: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """A decision ready to be written: the answer, and one JSON object with the values of all its rows."""

    id: uuid.UUID
    key: str
    fingerprint: str
    answer: dict[str, Any]
    row: bytes


def read_request(
    body: Any, *, key: str = "", fingerprint: str = "", budgets: Mapping[str, Any] | None = None
) -> Asked:
    """Check the envelope of a request; raises RequestInvalid naming each wrong field."""
    if not isinstance(body, dict):
        raise RequestInvalid(
            "The request must be an object.", errors=[{"pointer": "", "message": "must be an object"}]
        )
    problems = [
        {"pointer": f"/{name}", "message": "is not a field of a request"}
        for name in sorted(body.keys() - _KNOWN)
    ]
    if "input" not in body:
        problems.append({"pointer": "/input", "message": "is required"})
    texts = {}
    for name, most in _LIMITS.items():
        value = body.get(name)
        texts[name] = value or ""
        if value is not None and not (isinstance(value, str) and len(value) <= most and value.isprintable()):
            problems.append(
                {"pointer": f"/{name}", "message": f"must be printable text of at most {most} characters"}
            )
    context = body.get("context")
    environment = context.get("environment", "") if isinstance(context, dict) else ""
    if context is not None and not isinstance(context, dict):
        problems.append({"pointer": "/context", "message": "must be an object"})
    if not (isinstance(environment, str) and len(environment) <= 40 and environment.isprintable()):
        problems.append(
            {"pointer": "/context/environment", "message": "must be text of at most 40 characters"}
        )
    if problems:
        raise RequestInvalid("Some fields of the request are not acceptable.", errors=problems)
    return Asked(body["input"], texts["subject"], texts["purpose"], environment, budgets, key, fingerprint)


def result_of(compiled: Compiled, data: dict[str, Any]) -> dict[str, Any]:
    """Return everything about the decision that replay must reproduce."""
    outcome = compiled.program.explain(data)
    return {
        "class": outcome.decision_class,
        "reasons": list(outcome.reasons),
        "confidence": outcome.confidence,
        "required_docs": list(outcome.required_docs),
        "rules_applied": outcome.rules_applied,
        "not_evaluated": outcome.not_evaluated,
        "nearest_flip": compiled.nearest_flip(data, outcome.decision_class),
        "versions": compiled.versions,
    }


def _ledger_payload(
    compiled: Compiled,
    decision_id: uuid.UUID,
    result: Mapping[str, Any],
    hashes: tuple[str, str],
    consent_id: uuid.UUID | None,
) -> dict[str, Any]:
    """Return what the ledger says of a decision: hashes and versions, no personal data."""
    payload = {
        "decision_id": str(decision_id),
        "contract": compiled.document.name,
        "contract_version": compiled.document.version,
        "versions": compiled.digest,
        "class": result["class"],
        "reasons": result["reasons"],
        "input_hash": hashes[0],
        "output_hash": hashes[1],
    }
    if consent_id is not None:
        payload["consent_id"] = str(consent_id)
    return payload


def _ledger_row(
    decision_id: uuid.UUID, payload: dict[str, Any], caller: Caller, now: datetime.datetime
) -> dict[str, Any]:
    draft = ledger.Draft(
        "decision.made", payload, "decision", str(decision_id), caller.actor, caller.corr_id, now
    )
    return ledger.prepare(draft, tenant_id=caller.tenant_id).as_row()


def _event_row(event: DecisionMade, caller: Caller, now: datetime.datetime) -> dict[str, Any]:
    return {
        "id": ids.uuid7(),
        "name": event.name,
        "payload": {name: getattr(event, name) for name in _EVENT_FIELDS},
        "corr_id": caller.corr_id,
        "occurred_at": now,
    }


def seal_of(asked: Asked, data: Mapping[str, Any], result: Mapping[str, Any]) -> bytes:
    """Return what may name or describe a person, encrypted: everything else lies in columns.

    ``opened`` puts both together again.
    """
    held = {
        "input": data,
        "subject": asked.subject,
        "seen": [[rule.get("values", {}), rule.get("margin")] for rule in result["rules_applied"]],
        "nearest_flip": result["nearest_flip"],
        "budgets": asked.budgets or {},
    }
    return encryption.seal(orjson.dumps(held), context=SEALED_CONTEXT)


def open_seal(sealed: bytes) -> dict[str, Any]:
    """Return what ``seal_of`` put in; raises SealBroken, EncryptionUnavailable."""
    held: dict[str, Any] = orjson.loads(encryption.open_sealed(sealed, context=SEALED_CONTEXT))
    return held


def make(
    compiled: Compiled,
    asked: Asked,
    caller: Caller,
    *,
    now: datetime.datetime,
    person: str = "",
    consent_id: uuid.UUID | None = None,
) -> Made:
    """Decide one request; raises InputInvalid. Nothing is written yet.

    ``person`` is by what the organization knows the subject, where the request names one.
    """
    started = time.perf_counter_ns()
    data = compiled.check(asked.input)
    result = result_of(compiled, data)
    input_hash, output_hash = canonical.digest(data), canonical.digest(result)
    decision_id = ids.uuid7()
    document = compiled.document
    payload = _ledger_payload(compiled, decision_id, result, (input_hash, output_hash), consent_id)
    entry = _ledger_row(decision_id, payload, caller, now)
    told = DecisionMade(
        str(decision_id), document.name, document.version, result["class"], asked.environment, now.isoformat()
    )
    answer = {
        "decision_id": str(decision_id),
        **result,
        "model_meta": model_meta(asked.budgets or {}),
        "trace_id": caller.corr_id,
        "ledger": {"entry_id": str(entry["id"])},
    }
    row = {
        "id": decision_id,
        "contract": document.name,
        "contract_version": document.version,
        "decision_class": result["class"],
        "reasons": result["reasons"],
        "confidence": result["confidence"],
        "required_docs": result["required_docs"],
        "rules_applied": [_without_values(rule) for rule in result["rules_applied"]],
        "not_evaluated": result["not_evaluated"],
        "versions": compiled.versions,
        "sealed": base64.b64encode(seal_of(asked, data, result)).decode(),
        "input_hash": input_hash,
        "output_hash": output_hash,
        "subject_ref": person,
        "purpose": asked.purpose,
        "consent_id": consent_id,
        "environment": asked.environment,
        "actor": caller.actor,
        "corr_id": caller.corr_id,
        "idempotency_key": asked.key,
        "fingerprint": asked.fingerprint,
        "ledger_entry_id": entry["id"],
        "decided_at": now,
        "duration_us": (time.perf_counter_ns() - started) // 1000,
        **{f"entry_{name}": value for name, value in entry.items()},
        **{f"event_{name}": value for name, value in _event_row(told, caller, now).items()},
    }
    return Made(decision_id, asked.key, asked.fingerprint, answer, orjson.dumps(row))


def model_meta(budgets: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a decision was reached; rules alone decide here, so no budget is ever spent."""
    return {"chosen_model": ROUTE, "budgets": budgets, "route": ROUTE, "degraded": False}


def _without_values(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in rule.items() if name not in {"values", "margin"}}


def with_values(rule: Mapping[str, Any], seen: Sequence[Any]) -> dict[str, Any]:
    """Return an applied rule as it was answered: what a column kept, and what was sealed of it."""
    values, margin = seen
    shown = {**_in_order(rule, _RULE_FIELDS), "values": values}
    return shown if margin is None else {**shown, "margin": margin}


def _in_order(item: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: item[name] for name in names}


def answered_causes(kept: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rules not evaluated as they were answered."""
    return [_in_order(item, _CAUSE_FIELDS) for item in kept]


def answered_versions(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return the versions as they were answered."""
    return {
        "contract": _in_order(kept["contract"], _VERSION_FIELDS),
        "rulesets": [_in_order(item, _VERSION_FIELDS) for item in kept["rulesets"]],
        "engine": kept["engine"],
    }
