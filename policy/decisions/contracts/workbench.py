"""The contracts, as authors of rules use them: registered with ``policy.rules.uses`` at start-up.

What must stay true: adopting a ruleset never changes a version of a contract, it makes the next one; whoever
looked at another version than the one in force is refused and told which one it is.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from django.db import transaction
from django.db.models import Case, When

from decisionos.kernel import clock, errors
from policy.decisions import pipeline
from policy.decisions import selectors as decisions
from policy.decisions.contracts import cache, compiled, document, selectors, services
from policy.decisions.enums import ContractState
from policy.decisions.models import ContractVersion, Decision
from policy.rules import naming, uses
from policy.rules.models import RulesetVersion
from policy.rules.rulesets import Ruleset


class ContractMoved(errors.Conflict):
    """Another version of the contract is in force than the one that was looked at."""

    code = "contract_moved"
    title = "The contract changed meanwhile"


def facts_of(row: ContractVersion) -> uses.ContractFacts:
    """Return a row as rules see it."""
    return uses.ContractFacts(
        name=row.name,
        version=row.version,
        state=row.state,
        description=row.description,
        input_schema=row.input_schema,
        rulesets=tuple((item["name"], item["version"]) for item in row.rulesets),
        created_by=row.created_by,
        created_at=row.created_at,
        activated_at=row.activated_at,
        previous=row.previous.version if row.previous else "",
        label_key=row.label_key,
        purpose=row.purpose,
        checklist=row.checklist,
        digest=row.digest,
    )


def _current(name: str) -> ContractVersion:
    found = ContractVersion.objects.filter(name=name).select_related("previous")
    row = found.filter(state=ContractState.ACTIVE).first() or found.order_by("-id").first()
    if row is None:
        raise selectors.ContractNotFound(f"There is no contract {name!r}.")
    return row


def _past(row: Decision) -> uses.Past:
    return uses.Past(
        decision_id=row.id,
        contract=row.contract,
        contract_version=row.contract_version,
        decision_class=row.decision_class,
        reasons=tuple(row.reasons),
        decided_at=row.decided_at,
        input=pipeline.open_seal(bytes(row.sealed))["input"],
    )


def _replaced(value: document.ContractDocument, name: str, version: str) -> document.ContractDocument:
    refs = [document.RulesetRef(name, version) if ref.name == name else ref for ref in value.rulesets]
    if all(ref.name != name for ref in refs):
        refs.append(document.RulesetRef(name, version))
    return replace(value, rulesets=tuple(refs))


class Workbench:
    """Answers ``uses.Contracts``."""

    def list_current(self) -> list[uses.ContractFacts]:
        """Return each contract once: the version in force, else the newest."""
        in_force = Case(When(state=ContractState.ACTIVE, then=0), default=1)
        rows = ContractVersion.objects.select_related("previous").order_by("name", in_force, "-id")
        return [facts_of(row) for row in rows.distinct("name")]

    def get(self, name: str, version: str = "") -> uses.ContractFacts:
        """Return a version, or the current one; raises ContractNotFound."""
        return facts_of(selectors.get_contract(name=name, version=version) if version else _current(name))

    def list_versions(self, name: str) -> list[uses.ContractFacts]:
        """Return the versions of a contract, newest first."""
        rows = selectors.list_contracts(name=name).select_related("previous")
        return [facts_of(row) for row in rows[:500]]

    def bench(self, name: str, ruleset: Ruleset | None = None) -> uses.Bench:
        """Compile the current version with a ruleset in place of its own; raises RuleInvalid."""
        row = _current(name)
        if ruleset is None:
            made = cache.compiled_of(row)
        else:
            value = selectors.document_of(row)
            rest = replace(value, rulesets=tuple(ref for ref in value.rulesets if ref.name != ruleset.name))
            stored = dict(zip((r.name for r in rest.rulesets), compiled.sources_of(rest), strict=True))
            value = _replaced(value, ruleset.name, "0.0.0-draft")
            ordered = [stored.get(ref.name, ruleset) for ref in value.rulesets]
            made = compiled.compile_contract(value, ordered)
        return uses.Bench(
            contract=facts_of(row),
            program=made.program,
            check=made.check,
            nearest=lambda data, outcome: made.nearest_flip(data, outcome.decision_class),
        )

    def recent(self, name: str, limit: int) -> list[uses.Past]:
        """Return the newest decisions of a contract, opened."""
        rows = Decision.objects.filter(contract=name).order_by("-decided_at", "-id")
        return [_past(row) for row in rows[:limit]]

    def past(self, decision_id: uuid.UUID) -> uses.Past:
        """Return one decision, opened; raises DecisionNotFound."""
        return _past(decisions.get_decision(decision_id=decision_id))

    @transaction.atomic
    def adopt(
        self, *, name: str, ruleset: str, version: str, expected: str, actor: str, reason: str
    ) -> uses.ContractFacts:
        """Put a new version of the contract in force that names this version of the ruleset."""
        rows = list(ContractVersion.objects.select_for_update().filter(name=name))
        row = _current(name)
        value = selectors.document_of(row)
        wanted = _replaced(value, ruleset, version)
        is_active = row.state == ContractState.ACTIVE
        if is_active and wanted.rulesets == value.rulesets:
            return facts_of(row)
        _expect(row, expected)
        if wanted.rulesets != value.rulesets:
            published = {ref.version for ref in value.rulesets if _origin(ref.name, ref.version)}
            chosen = naming.next_version(
                row.version, {item.version for item in rows}, is_published=bool(published)
            )
            wanted = replace(wanted, version=chosen)
            services.save_contract(value=wanted, actor=actor)
        made = services.activate_contract(
            name=name, version=wanted.version, actor=actor, now=clock.now(), reason=reason
        )
        return facts_of(made)

    @transaction.atomic
    def roll_back(self, *, name: str, expected: str, actor: str, reason: str) -> uses.ContractFacts:
        """Put the version before back in force; raises ContractNothingBefore."""
        _expect(selectors.get_active(name=name), expected)
        made = services.roll_back_contract(name=name, actor=actor, now=clock.now(), reason=reason)
        return facts_of(made)


def _origin(name: str, version: str) -> str:
    found = RulesetVersion.objects.filter(name=name, version=version).values_list("origin", flat=True)
    return found.first() or ""


def _expect(row: ContractVersion, expected: str) -> None:
    if expected and row.version != expected:
        raise ContractMoved(
            f"{row.name} {row.version} is in force by now, not {expected}.",
            extra={"present": row.version, "expected": expected, "actor": row.created_by},
        )
