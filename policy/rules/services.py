"""Save versions of rulesets, put them in force, take them back.

What must stay true: what becomes a version can be read and fits the contracts that it takes part in; what
is in force changes only through a new version of a contract, so that every decision can name what it stood
on; every such act is in the ledger with its reason.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from decisionos.kernel import errors, masking
from decisionos.kernel.ledger import services as ledger
from policy.rules import checking, drafts, merging, naming, rulesets, selectors, sources, uses
from policy.rules.models import RulesetVersion


class RulesetVersionConflict(errors.Conflict):
    """This version was saved before, with other content."""

    code = "ruleset_version_conflict"
    title = "The version is taken"


class RulesetMoved(errors.Conflict):
    """Somebody saved a newer version since this text was begun."""

    code = "ruleset_moved"
    title = "There is a newer version"


class RulesetInvalid(errors.Invalid):
    """The text cannot become a version."""

    code = "ruleset_invalid"
    title = "The rules are not acceptable as a version"


class ReasonMissing(errors.Invalid):
    """What changes decisions needs a reason and a confirmation."""

    code = "reason_missing"
    title = "A reason is required"


@transaction.atomic
def save_ruleset_version(
    *, source: str, version: str, created_by: str = "", origin: str = "", base: str = "", note: str = ""
) -> RulesetVersion:
    """Store one version of a ruleset. Safe to retry: the same content returns the stored row.

    Raises DocumentInvalid naming what is wrong, RulesetVersionConflict. Whether the conditions fit an input
    is asked when a contract names the ruleset.
    """
    ruleset = sources.read(source).ruleset
    digest = ruleset.digest()
    present = RulesetVersion.objects.filter(name=ruleset.name, version=version).first()
    if present is not None:
        if present.digest != digest:
            raise RulesetVersionConflict(f"{ruleset.name} {version} was saved with other content.")
        return present
    row = RulesetVersion.objects.create(
        name=ruleset.name,
        version=version,
        source=source,
        digest=digest,
        created_by=created_by,
        origin=origin,
        base=base,
        note=note,
    )
    payload: dict[str, Any] = {"name": row.name, "version": version, "digest": digest, "actor": created_by}
    if base:
        payload["base"] = base
    if note:
        payload["note"] = masking.mask_text(note)
    ledger.append(kind="ruleset.saved", payload=payload, subject_type="ruleset", subject_id=row.name)
    return row


def propose_version(*, name: str, base: str) -> str:
    """Return a free name for the version that follows a base."""
    rows = dict(selectors.list_versions(name=name).values_list("version", "origin"))
    return naming.next_version(base, rows, is_published=bool(rows.get(base)))


def _moved(name: str, base: str, newest: RulesetVersion, text: str) -> RulesetMoved:
    merged = merging.merge(base=selectors.source_of(name=name, version=base), mine=text, theirs=newest.source)
    return RulesetMoved(
        f"{name} {newest.version} was saved since. Both texts are here, and a proposal that joins them.",
        extra={
            "base_version": base,
            "stored": selectors.as_json(newest, source=True),
            "given": {"text": text, "base_version": base},
            "merge": merged.as_dict(),
        },
    )


def _check(name: str, source: str, contract: str) -> checking.Checked:
    """Check a text against every contract that it would decide for; raises RulesetInvalid."""
    known = {item.name: item for item in uses.in_force(name)}
    if contract:
        known[contract] = uses.contracts().get(contract)
    checked = checking.check(source)
    for facts in known.values():
        if checked.is_valid:
            checked = checking.check(source, facts.input_schema)
        wrong = [item for item in checked.problems if item.is_invalid]
        if wrong:
            raise _invalid(wrong, facts.name)
    if not checked.is_valid:
        raise _invalid([item for item in checked.problems if item.is_invalid], "")
    found = checked.source.ruleset.name if checked.source else ""
    if found != name:
        problem = {"pointer": "/name", "line": 1, "message": f"must be {name}, not {found}"}
        raise RulesetInvalid(f"The text is called {found!r}.", errors=[problem])
    return checked


def _invalid(wrong: list[checking.Problem], contract: str) -> RulesetInvalid:
    where = f" for the contract {contract}" if contract else ""
    return RulesetInvalid(
        f"{len(wrong)} thing(s) keep this from becoming a version{where}: {wrong[0].message}.",
        errors=[
            {
                "pointer": item.pointer,
                "line": item.line,
                "column": item.column,
                "rule": item.rule,
                "code": item.code,
                "message": item.message,
            }
            for item in wrong
        ],
    )


@transaction.atomic
def save_version(
    *,
    name: str,
    source: str,
    contract: str,
    version: str,
    base_version: str | None,
    note: str,
    actor: str,
) -> tuple[RulesetVersion, checking.Checked]:
    """Make a version of what an author wrote, and remove the draft that it came from.

    `base_version` is the version that the author began with; None asks nothing. Raises RulesetInvalid,
    RulesetMoved with a merged proposal, RulesetVersionConflict, ContractNotFound. Safe to retry.
    """
    if not rulesets.NAME.match(name) or len(name) > 63:
        problem = {"pointer": "/name", "message": "must be small letters, digits and underscores"}
        raise RulesetInvalid("The name is not acceptable.", errors=[problem])
    if version and (not naming.VERSION.match(version) or len(version) > 40):
        problem = {"pointer": "/version", "message": "must look like 1.2.0"}
        raise RulesetInvalid("The version is not acceptable.", errors=[problem])
    checked = _check(name, source, contract)
    newest = selectors.find_newest(name=name)
    digest = checked.source.ruleset.digest() if checked.source else ""
    is_same = newest is not None and newest.digest == digest and newest.version == version
    if newest is not None and base_version is not None and newest.version != base_version and not is_same:
        raise _moved(name, base_version, newest, source)
    chosen = version or propose_version(name=name, base=newest.version if newest else "")
    row = save_ruleset_version(
        source=source,
        version=chosen,
        created_by=actor,
        base=(base_version if base_version is not None else (newest.version if newest else "")),
        note=note,
    )
    drafts.discard_draft(contract=contract, ruleset=name, author=actor)
    return row, checked


def preview_activation(*, name: str, version: str, contract: str, most: int = 200) -> dict[str, Any]:
    """Return what putting a version in force would change, tried on the newest decisions; stores nothing.

    Raises RulesetNotFound, ContractNotFound, RuleInvalid.
    """
    asked = uses.contracts()
    row = selectors.get_version(name=name, version=version)
    facts = asked.get(contract)
    present = facts.version_of(name)
    checked = checking.check(row.source, facts.input_schema)
    bench = asked.bench(contract, sources.read(row.source).ruleset)
    before = asked.bench(contract)
    flips: list[dict[str, Any]] = []
    counted = 0
    for past in asked.recent(contract, most):
        try:
            data = before.check(past.input)
        except errors.Invalid:
            continue
        counted += 1
        old, new = before.program.decide(data), bench.program.decide(data)
        if old.decision_class != new.decision_class:
            flips.append(
                {
                    "decision_id": str(past.decision_id),
                    "decided_at": past.decided_at.isoformat(),
                    "before": old.decision_class,
                    "after": new.decision_class,
                    "reasons": list(new.reasons),
                }
            )
    compared = selectors.compare_texts(
        selectors.source_of(name=name, version=present) if present else "",
        row.source,
        names=(f"{name} {present}".strip(), f"{name} {version}"),
    )
    return {
        "ruleset": name,
        "version": version,
        "contract": facts.name,
        "contract_version": facts.version if facts.is_active else "",
        "present": present,
        "is_in_force": present == version and facts.is_active,
        "problems": [item.as_dict() for item in checked.problems],
        "rehearsal": {"decisions": counted, "flips": flips},
        **compared,
    }


def activate(
    *, name: str, version: str, contract: str, expected: str, reason: str, confirm: str, actor: str
) -> uses.ContractFacts:
    """Put a version of a ruleset in force for a contract, as a new version of that contract.

    `confirm` repeats the contract's name; `expected` is the contract's version that the author looked at, an
    empty text asks nothing. Raises ReasonMissing, RulesetNotFound, ContractNotFound, ContractMoved,
    RuleInvalid. Safe to retry: a version that is in force already stays.
    """
    _confirmed(reason, confirm, contract)
    selectors.get_version(name=name, version=version)
    return uses.contracts().adopt(
        name=contract, ruleset=name, version=version, expected=expected, actor=actor, reason=reason.strip()
    )


def roll_back(*, contract: str, expected: str, reason: str, confirm: str, actor: str) -> uses.ContractFacts:
    """Put the contract's version before the present one back in force.

    Raises ReasonMissing, ContractNotFound, ContractMoved, ContractNothingBefore.
    """
    _confirmed(reason, confirm, contract)
    return uses.contracts().roll_back(name=contract, expected=expected, actor=actor, reason=reason.strip())


def _confirmed(reason: str, confirm: str, contract: str) -> None:
    problems = []
    if len(reason.strip()) < 3:
        problems.append({"pointer": "/reason", "message": "say why, in a few words"})
    if confirm != contract:
        problems.append({"pointer": "/confirm", "message": "must repeat the name of the contract"})
    if problems:
        raise ReasonMissing("Say why, and confirm.", errors=problems)
