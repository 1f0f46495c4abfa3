"""Decide: one request, a batch, a rehearsal, a replay.

What must stay true: consent is asked before the rules are; a refusal writes nothing; the same idempotency
key with the same request gives the first answer, whoever wins a race.
"""

from __future__ import annotations

import datetime
import functools
import itertools
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from decisionos.kernel import canonical, errors
from decisionos.kernel.idempotency.services import KeyReused
from decisionos.kernel.tenants import scope
from policy.decisions import pipeline, recording, selectors, telemetry
from policy.decisions.contracts import cache
from policy.decisions.contracts import selectors as contracts
from policy.decisions.contracts.compiled import Compiled
from policy.decisions.models import Decision
from policy.decisions.pipeline import Asked, Caller, Made
from tenancy.privacy import references
from tenancy.privacy import selectors as privacy

BATCH = 500
MOST_REHEARSED = 100_000


class ConsentMissing(errors.Denied):
    """No consent stands for this purpose."""

    code = "consent_missing"
    title = "Consent is missing"
    exit_code = 2


class NotReproducible(errors.Conflict):
    """Something that the decision stood on is no longer there."""

    code = "not_reproducible"
    title = "The decision cannot be replayed"


def consent_for(compiled: Compiled, asked: Asked, caller: Caller, now: datetime.datetime) -> uuid.UUID | None:
    """Return the id of the consent that the decision stands on; None where none is needed.

    Raises ConsentMissing where the contract requires a purpose, or the request names one, and none stands.
    """
    purpose = compiled.document.purpose or asked.purpose
    if not purpose or (not compiled.document.purpose and not asked.subject):
        return None
    if not asked.subject:
        raise ConsentMissing(f"The contract needs a subject with consent for {purpose!r}.")
    if asked.purpose and asked.purpose != purpose:
        raise ConsentMissing(f"The contract decides for {purpose!r}, not for {asked.purpose!r}.")
    with scope.tenant_scope(caller.tenant_id):
        found = privacy.find_consent(subject=asked.subject, purpose=purpose, now=now)
    if found is None:
        raise ConsentMissing(f"No consent for {purpose!r} stands for this subject.")
    return uuid.UUID(str(found.id))


def _made(compiled: Compiled, asked: Asked, caller: Caller, now: datetime.datetime) -> Made:
    consent = consent_for(compiled, asked, caller, now)
    person = references.reference_of(caller.tenant_id, asked.subject) if asked.subject else ""
    return pipeline.make(compiled, asked, caller, now=now, person=person, consent_id=consent)


def decide(*, contract: str, asked: Asked, caller: Caller, now: datetime.datetime) -> dict[str, Any]:
    """Decide one request and record it; returns the answer.

    Raises ContractNotFound, RulesetNotFound, InputInvalid, ConsentMissing, KeyReused; nothing is stored
    then. Safe to retry under an idempotency key.
    """
    compiled = cache.active(caller.tenant_id, contract)
    made = _made(compiled, asked, caller, now)
    if made.id in recording.record(caller.tenant_id, [made]):
        telemetry.note(caller.tenant, contract, [made.answer["class"]])
        return made.answer
    return first_answer(caller.tenant_id, made)


def first_answer(tenant_id: uuid.UUID, made: Made) -> dict[str, Any]:
    """Return what was answered first under a key that is taken; raises KeyReused for another request."""
    with scope.tenant_scope(tenant_id):
        row = Decision.objects.filter(idempotency_key=made.key).first() if made.key else None
        if row is None:
            raise errors.Conflict(
                "The decision could not be recorded. Send it again.", code="decision_conflict"
            )
        if row.fingerprint != made.fingerprint:
            raise KeyReused("Use a new Idempotency-Key for a different request.")
        return selectors.answer_of(row)


def decide_many(
    *,
    contract: str,
    asked: Iterable[tuple[int, Asked | errors.DosError]],
    caller: Caller,
    now: datetime.datetime,
) -> Iterator[list[dict[str, Any]]]:
    """Decide a stream of requests in groups; yields the answers of each group, in order.

    A request that is refused answers ``{"line", "error"}`` and holds up no other. Each group is durable
    before it is yielded. Raises ContractNotFound, RulesetNotFound before the first group.
    """
    cache.active(caller.tenant_id, contract)
    recorder = recording.Recorder(caller.tenant_id)
    # While the database writes one group the next is decided; nothing is answered before it is durable.
    waiting: Callable[[], list[dict[str, Any]]] | None = None
    try:
        for group in _groups(asked):
            outcomes = _outcomes(contract, group, caller, now)
            if waiting is not None:
                yield waiting()
            stored = recorder.start([item for _, item in outcomes if isinstance(item, Made)])
            waiting = functools.partial(_answers, contract, outcomes, stored, caller)
        if waiting is not None:
            yield waiting()
    finally:
        recorder.close()


def _groups(
    asked: Iterable[tuple[int, Asked | errors.DosError]],
) -> Iterator[list[tuple[int, Asked | errors.DosError]]]:
    rows = iter(asked)
    while group := list(itertools.islice(rows, BATCH)):
        yield group


def _outcomes(
    contract: str,
    group: Sequence[tuple[int, Asked | errors.DosError]],
    caller: Caller,
    now: datetime.datetime,
) -> list[tuple[int, Made | errors.DosError]]:
    compiled = cache.active(caller.tenant_id, contract)
    outcomes: list[tuple[int, Made | errors.DosError]] = []
    for line, asked in group:
        try:
            if isinstance(asked, errors.DosError):
                raise asked
            outcomes.append((line, _made(compiled, asked, caller, now)))
        except errors.DosError as error:
            outcomes.append((line, error))
    return outcomes


def _answers(
    contract: str,
    outcomes: Sequence[tuple[int, Made | errors.DosError]],
    stored: Callable[[], set[uuid.UUID]],
    caller: Caller,
) -> list[dict[str, Any]]:
    new = stored()
    made = [item for _, item in outcomes if isinstance(item, Made) and item.id in new]
    telemetry.note(caller.tenant, contract, [item.answer["class"] for item in made])
    answers = []
    for line, item in outcomes:
        try:
            if isinstance(item, errors.DosError):
                raise item
            answer = item.answer if item.id in new else first_answer(caller.tenant_id, item)
            answers.append({"line": line, **answer})
        except errors.DosError as error:
            answers.append({"line": line, "error": error.as_problem()})
    return answers


def replay(*, decision_id: uuid.UUID) -> dict[str, Any]:
    """Decide again with the recorded versions; returns both hashes and whether they are identical.

    Raises DecisionNotFound, NotReproducible. Nothing is stored.
    """
    row = selectors.get_decision(decision_id=decision_id)
    held = pipeline.open_seal(bytes(row.sealed))
    try:
        version = contracts.get_contract(name=row.contract, version=row.contract_version)
        compiled = cache.compiled_of(version)
    except errors.NotFound as error:
        raise NotReproducible(error.detail) from error
    if compiled.versions != row.versions:
        raise NotReproducible("The recorded versions are not the ones that are stored.")
    result = pipeline.result_of(compiled, compiled.check(held["input"]))
    output_hash = canonical.digest(result)
    return {
        "decision_id": str(row.id),
        "identical": output_hash == row.output_hash,
        "recorded": {"output_hash": row.output_hash, "class": row.decision_class},
        "replayed": {"output_hash": output_hash, "class": result["class"]},
        "input_hash": row.input_hash,
        "versions": row.versions,
    }
