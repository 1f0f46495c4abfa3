"""Save, activate and take back contracts.

What must stay true: a contract that does not compile is never saved; activation is seen by every process
within a second (see ``cache``).
"""

from __future__ import annotations

import datetime

from django.db import transaction

from decisionos.kernel import clock, errors, masking
from decisionos.kernel.events import services as events
from decisionos.kernel.ledger import services as ledger
from policy.decisions.contracts import cache, compiled, document, selectors
from policy.decisions.enums import ContractState
from policy.decisions.events import ContractActivated
from policy.decisions.models import ContractVersion
from policy.packs.components import Part


class ContractVersionConflict(errors.Conflict):
    """This version was saved before, with other content."""

    code = "contract_version_conflict"
    title = "The version is taken"


class ContractNothingBefore(errors.Conflict):
    """No earlier version can be put back in force."""

    code = "contract_nothing_before"
    title = "There is no version to go back to"


@transaction.atomic
def save_contract(*, value: document.ContractDocument, actor: str) -> ContractVersion:
    """Store a version as a draft. Safe to retry: the same content returns the stored row.

    Raises ContractVersionConflict, RulesetNotFound, and RulesetInvalid where a rule does not fit the schema.
    """
    present = ContractVersion.objects.filter(name=value.name, version=value.version).first()
    if present is not None:
        if present.digest != value.digest:
            raise ContractVersionConflict(f"{value.name} {value.version} was saved with other content.")
        return present
    compiled.compile_contract(value, compiled.sources_of(value))
    row = ContractVersion.objects.create(
        name=value.name,
        version=value.version,
        description=value.description,
        input_schema=value.input_schema,
        output_schema=value.output_schema,
        rulesets=[{"name": ref.name, "version": ref.version} for ref in value.rulesets],
        label_key=value.label_key,
        checklist=value.checklist,
        purpose=value.purpose,
        digest=value.digest,
        created_by=actor,
    )
    _note("contract.saved", row, actor)
    return row


def _note(kind: str, row: ContractVersion, actor: str, *, reason: str = "", before: str = "") -> None:
    payload = {"name": row.name, "version": row.version, "digest": row.digest, "actor": actor}
    if before:
        payload["before"] = before
    if reason:
        payload["reason"] = masking.mask_text(reason)
    ledger.append(kind=kind, payload=payload, subject_type="contract", subject_id=row.name)


def _put_in_force(row: ContractVersion, actor: str, now: datetime.datetime) -> ContractVersion | None:
    active = (
        ContractVersion.objects.select_for_update().filter(name=row.name, state=ContractState.ACTIVE).first()
    )
    if active is not None and active.pk != row.pk:
        active.state = ContractState.RETIRED
        active.save(update_fields=["state"])
    row.state = ContractState.ACTIVE
    row.activated_at = now
    row.save(update_fields=["state", "activated_at"])
    events.publish(ContractActivated(row.name, row.version, actor))
    tenant, name = row.tenant_id, row.name
    transaction.on_commit(lambda: cache.forget(tenant, name))
    return active


@transaction.atomic
def activate_contract(
    *, name: str, version: str, actor: str, now: datetime.datetime, reason: str = ""
) -> ContractVersion:
    """Put a version in force. Raises ContractNotFound. Safe to retry."""
    row = selectors.get_contract(name=name, version=version)
    if row.state == ContractState.ACTIVE:
        return row
    row.previous = _put_in_force(row, actor, now)
    row.save(update_fields=["previous"])
    before = row.previous.version if row.previous else ""
    _note("contract.activated", row, actor, reason=reason, before=before)
    return row


@transaction.atomic
def roll_back_contract(*, name: str, actor: str, now: datetime.datetime, reason: str = "") -> ContractVersion:
    """Put the version before the present one back in force. Raises ContractNothingBefore."""
    active = selectors.get_active(name=name)
    if active.previous is None:
        raise ContractNothingBefore(f"The contract {name!r} has no earlier version to go back to.")
    back = active.previous
    _put_in_force(back, actor, now)
    _note("contract.rolled_back", back, actor, reason=reason, before=active.version)
    return back


def _of(part: Part) -> document.ContractDocument:
    return document.parse(document.load(part.content), ruleset_version=part.pack_version)


class PackContracts:
    """Installs the contracts of a pack."""

    def install(self, parts: list[Part]) -> None:
        """Save every contract as a draft."""
        for part in parts:
            save_contract(value=_of(part), actor=part.actor)

    def activate(self, parts: list[Part]) -> None:
        """Put every contract in force."""
        for part in parts:
            value = _of(part)
            activate_contract(name=value.name, version=value.version, actor=part.actor, now=clock.now())
