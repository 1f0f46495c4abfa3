"""What this app tells the rest of the house."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class DecisionMade:
    """A decision was made and recorded; carries no personal data."""

    name: ClassVar[str] = "policy.decisions.decision_made"

    decision_id: str
    contract: str
    contract_version: str
    decision_class: str
    environment: str
    decided_at: str


@dataclass(frozen=True, slots=True)
class ContractActivated:
    """A version of a contract came into force."""

    name: ClassVar[str] = "policy.decisions.contract_activated"

    contract: str
    version: str
    actor: str
