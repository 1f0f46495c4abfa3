"""Reads of contracts."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from decisionos.kernel import errors
from policy.decisions.contracts.document import ContractDocument, RulesetRef
from policy.decisions.enums import ContractState
from policy.decisions.models import ContractVersion


class ContractNotFound(errors.NotFound):
    """There is no such contract, or none in force."""

    code = "contract_not_found"
    title = "There is no such contract"


def list_contracts(*, name: str | None = None) -> QuerySet[ContractVersion]:
    """Return the versions, newest first."""
    found = ContractVersion.objects.order_by("-id")
    return found.filter(name=name) if name else found


def get_contract(*, name: str, version: str) -> ContractVersion:
    """Return one version; raises ContractNotFound."""
    found = ContractVersion.objects.filter(name=name, version=version).first()
    if found is None:
        raise ContractNotFound(f"There is no version {version} of the contract {name!r}.")
    return found


def get_active(*, name: str) -> ContractVersion:
    """Return the version in force; raises ContractNotFound."""
    found = ContractVersion.objects.filter(name=name, state=ContractState.ACTIVE).first()
    if found is None:
        raise ContractNotFound(f"No contract {name!r} is in force.")
    return found


def document_of(row: ContractVersion) -> ContractDocument:
    """Return what the row says, as a document."""
    return ContractDocument(
        name=row.name,
        version=row.version,
        input_schema=row.input_schema,
        rulesets=tuple(RulesetRef(item["name"], item["version"]) for item in row.rulesets),
        output_schema=row.output_schema,
        description=row.description,
        label_key=row.label_key,
        checklist=dict(row.checklist),
        purpose=row.purpose,
    )


def as_json(row: ContractVersion) -> dict[str, Any]:
    """Return a contract as the API shows it."""
    return {
        "id": str(row.id),
        **document_of(row).as_json(),
        "state": row.state,
        "digest": row.digest,
        "created_by": row.created_by,
        "created_at": row.created_at.isoformat(),
        "activated_at": row.activated_at.isoformat() if row.activated_at else None,
    }
