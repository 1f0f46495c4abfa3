"""Rules tried without recording anything: one input with its trace, or many inputs with what rules reach."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from decisionos.kernel import errors
from policy.rules import checking, reach, samples, selectors, sources, uses
from policy.rules.rulesets import Ruleset

RECENT = 200


class NothingToTry(errors.Invalid):
    """Neither rules nor a ruleset that exists were given."""

    code = "nothing_to_try"
    title = "Say which rules to try"


def ruleset_of(*, source: str, name: str, version: str) -> Ruleset | None:
    """Return the rules that are meant: a text, or a stored version; None means what is in force."""
    if source.strip():
        return sources.read(source).ruleset
    if not name:
        return None
    row = selectors.get_version(name=name, version=version) if version else selectors.find_newest(name=name)
    if row is None:
        raise selectors.RulesetNotFound(f"There is no ruleset {name!r}.")
    return sources.read(row.source).ruleset


def attempt(*, contract: str, ruleset: Ruleset | None, given: Any) -> dict[str, Any]:
    """Decide one input with a trace; raises InputInvalid, RuleInvalid. Nothing is recorded."""
    bench = uses.contracts().bench(contract, ruleset)
    data = bench.check(given)
    outcome = bench.program.explain(data)
    return {
        **outcome.as_dict(),
        "nearest_flip": bench.nearest(data, outcome),
        "contract": {"name": bench.contract.name, "version": bench.contract.version},
        "ruleset": ruleset.name if ruleset else "",
        "input": data,
    }


def attempt_again(*, contract: str, ruleset: Ruleset | None, decision_id: uuid.UUID) -> dict[str, Any]:
    """Decide the input of a recorded decision again; says what was answered then."""
    past = uses.contracts().past(decision_id)
    tried = attempt(contract=contract or past.contract, ruleset=ruleset, given=past.input)
    recorded = {
        "decision_id": str(past.decision_id),
        "class": past.decision_class,
        "reasons": list(past.reasons),
        "contract_version": past.contract_version,
        "decided_at": past.decided_at.isoformat(),
    }
    return {**tried, "recorded": recorded}


def coverage(
    *, contract: str, ruleset: Ruleset | None, rows: Sequence[Mapping[str, Any]] | None, recent: int = RECENT
) -> dict[str, Any]:
    """Say what each rule does on rows, or on the newest decisions; a row that does not fit is counted."""
    bench = uses.contracts().bench(contract, ruleset)
    basis = "rows"
    given: list[Any]
    if rows is None:
        basis = "decisions"
        given = [past.input for past in uses.contracts().recent(contract, recent)]
    else:
        given = list(rows)
    fitting, misfits = [], 0
    for row in given:
        try:
            fitting.append(bench.check(row))
        except errors.Invalid:
            misfits += 1
    measured = reach.measure(bench.program, fitting)
    return {**measured, "contract": bench.contract.name, "basis": basis, "misfits": misfits}


def check(*, source: str, contract: str, schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check a text against a contract or a schema; examples are inputs that can be tried as they are."""
    found = schema if schema is not None else None
    if contract:
        found = uses.contracts().get(contract).input_schema
    checked = checking.check(source, found).as_dict()
    if found is not None:
        for problem in checked["problems"]:
            if problem["example"] is not None:
                problem["input"] = samples.completed(problem["example"], found)
    return checked


def workspace(*, contract: str) -> dict[str, Any]:
    """Return what an editor needs to know of a contract: fields, a sample, what is in force."""
    facts = uses.contracts().get(contract)
    return {
        "contract": facts.name,
        "version": facts.version,
        "state": facts.state,
        "rulesets": [{"name": name, "version": version} for name, version in facts.rulesets],
        "fields": samples.fields_of(facts.input_schema),
        "sample": samples.sample_of(facts.input_schema),
        "required": list(facts.input_schema.get("required", ())),
    }
