"""From a request to an answer and the rows that record it. Pure: nothing here reads or writes the database.

What must stay true: the same input under the same compiled contract gives the same ``result`` and the same
output hash; ledger and event carry hashes and names, never a value of the input.
"""

from __future__ import annotations

import datetime
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from decisionos.kernel import canonical, encryption, errors, ids
from decisionos.kernel.events import services as events
from decisionos.kernel.ledger import services as ledger
from policy.decisions.contracts.compiled import Compiled
from policy.decisions.events import DecisionMade
from policy.decisions.nearest import nearest_flip

SEALED_CONTEXT = b"policy_decisions_decision.sealed"
_KNOWN = {"input", "subject", "purpose", "context"}
_LIMITS = {"subject": 200, "purpose": 63}
ROUTE = "rules-only"


class RequestInvalid(errors.Invalid):
    """The request around the input is not acceptable."""

    code = "payload_invalid"
    title = "The request is not acceptable"


# Lists lie in one text column of the statement's rows; no reason or document may hold this character.
SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, for which organization, under which correlation id."""

    tenant_id: uuid.UUID
    actor: str
    corr_id: str = ""


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
    """A decision ready to be written: the answer, and the values of each row."""

    id: uuid.UUID
    key: str
    fingerprint: str
    answer: dict[str, Any]
    row: tuple[Any, ...]
    entry: tuple[Any, ...]
    event: tuple[Any, ...]


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
        "nearest_flip": nearest_flip(compiled, data, outcome),
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


def _ledger_entry(
    decision_id: uuid.UUID, payload: dict[str, Any], caller: Caller, now: datetime.datetime
) -> ledger.Prepared:
    draft = ledger.Draft(
        "decision.made", payload, "decision", str(decision_id), caller.actor, caller.corr_id, now
    )
    return ledger.prepare(draft, tenant_id=caller.tenant_id)


def _event_row(
    compiled: Compiled,
    decision_id: uuid.UUID,
    decision_class: str,
    environment: str,
    caller: Caller,
    now: datetime.datetime,
) -> tuple[Any, ...]:
    document = compiled.document
    event = DecisionMade(
        str(decision_id), document.name, document.version, decision_class, environment, now.isoformat()
    )
    return (ids.uuid7(), event.name, _text(events.payload_of(event)), caller.corr_id, now)


def make(
    compiled: Compiled,
    asked: Asked,
    caller: Caller,
    *,
    now: datetime.datetime,
    consent_id: uuid.UUID | None = None,
) -> Made:
    """Decide one request; raises InputInvalid. Nothing is written yet."""
    started = time.perf_counter_ns()
    data = compiled.check(asked.input)
    result = result_of(compiled, data)
    input_bytes = canonical.encode(data)
    input_hash, output_hash = canonical.digest(data), canonical.digest(result)
    decision_id = ids.uuid7()
    payload = _ledger_payload(compiled, decision_id, result, (input_hash, output_hash), consent_id)
    entry = _ledger_entry(decision_id, payload, caller, now)
    budgets = asked.budgets or {}
    answer = {
        "decision_id": str(decision_id),
        **result,
        "model_meta": {"chosen_model": ROUTE, "budgets": budgets, "route": ROUTE, "degraded": False},
        "trace_id": caller.corr_id,
        "ledger": {"entry_id": str(entry.id)},
    }
    sealed = encryption.seal(
        b'{"input":' + input_bytes + b',"answer":' + orjson.dumps(answer) + b"}", context=SEALED_CONTEXT
    )
    row = (
        decision_id,
        compiled.document.name,
        compiled.document.version,
        result["class"],
        SEPARATOR.join(result["reasons"]),
        result["confidence"],
        SEPARATOR.join(result["required_docs"]),
        _text([_without_values(rule) for rule in result["rules_applied"]]),
        _text(result["not_evaluated"]),
        _text(compiled.versions),
        sealed,
        input_hash,
        output_hash,
        asked.subject,
        asked.purpose,
        consent_id,
        asked.environment,
        caller.actor,
        caller.corr_id,
        asked.key,
        asked.fingerprint,
        entry.id,
        now,
        (time.perf_counter_ns() - started) // 1000,
    )
    told = _event_row(compiled, decision_id, result["class"], asked.environment, caller, now)
    return Made(decision_id, asked.key, asked.fingerprint, answer, row, entry.values, told)


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _without_values(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in rule.items() if name not in {"values", "margin"}}
