"""What stands above rulesets and uses them: the contracts, as far as an author of rules needs them.

Rules do not import contracts. ``policy.decisions`` registers the answers at start-up, as packs are told who
installs the parts of a pack.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from policy.rules.compiling import Program
from policy.rules.executor import Outcome
from policy.rules.rulesets import Ruleset


@dataclass(frozen=True, slots=True)
class ContractFacts:
    """One version of a contract."""

    name: str
    version: str
    state: str
    description: str
    input_schema: Mapping[str, Any]
    rulesets: tuple[tuple[str, str], ...]
    created_by: str
    created_at: datetime.datetime
    activated_at: datetime.datetime | None = None
    previous: str = ""
    label_key: str = ""
    purpose: str = ""
    checklist: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""

    @property
    def is_active(self) -> bool:
        """Say whether it is in force."""
        return self.state == "active"

    def version_of(self, ruleset: str) -> str:
        """Return the version of a ruleset that it names, or an empty text."""
        return dict(self.rulesets).get(ruleset, "")


@dataclass(frozen=True, slots=True)
class Bench:
    """A contract compiled to be tried: nothing that runs on it is recorded."""

    contract: ContractFacts
    program: Program
    check: Callable[[Any], dict[str, Any]]
    nearest: Callable[[dict[str, Any], Outcome], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Past:
    """A decision that was made, with the input that it was made on."""

    decision_id: uuid.UUID
    contract: str
    contract_version: str
    decision_class: str
    reasons: tuple[str, ...]
    decided_at: datetime.datetime
    input: dict[str, Any]


class Contracts(Protocol):
    """Everything is asked and done in the caller's transaction and scope."""

    def list_current(self) -> list[ContractFacts]:
        """Return each contract once: the version in force, else the newest."""

    def get(self, name: str, version: str = "") -> ContractFacts:
        """Return a version, or the current one; raises ContractNotFound."""

    def list_versions(self, name: str) -> list[ContractFacts]:
        """Return the versions of a contract, newest first."""

    def bench(self, name: str, ruleset: Ruleset | None = None) -> Bench:
        """Compile the current version with a ruleset in place of its own; raises RuleInvalid."""

    def recent(self, name: str, limit: int) -> list[Past]:
        """Return the newest decisions of a contract, opened."""

    def past(self, decision_id: uuid.UUID) -> Past:
        """Return one decision, opened; raises DecisionNotFound."""

    def adopt(
        self, *, name: str, ruleset: str, version: str, expected: str, actor: str, reason: str
    ) -> ContractFacts:
        """Put a new version of the contract in force that names this version of the ruleset."""

    def roll_back(self, *, name: str, expected: str, actor: str, reason: str) -> ContractFacts:
        """Put the version before back in force."""


_registered: list[Contracts] = []


def register(contracts: Contracts) -> None:
    """Name who answers."""
    _registered[:] = [contracts]


def contracts() -> Contracts:
    """Return who answers."""
    return _registered[0]


def in_force(ruleset: str) -> list[ContractFacts]:
    """Return the contracts in force that a ruleset takes part in."""
    return [item for item in contracts().list_current() if item.is_active and item.version_of(ruleset)]
