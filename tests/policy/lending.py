"""The lending pack as tests use it: its files, its contract compiled, a caller, and a signed key pair."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from decisionos.kernel import ids
from policy.decisions.contracts import compiled, document
from policy.decisions.pipeline import Caller
from policy.rules import rulesets

FOLDER = Path(__file__).resolve().parent.parent.parent / "packs" / "lending"
APPROVED = {"credit_score": 720, "dti": 0.30, "income_verified": True}
REJECTED = {"credit_score": 530, "dti": 0.30, "income_verified": True}
REVIEWED = {"credit_score": 640, "dti": 0.44, "income_verified": False}


def lending_contract(replace: tuple[str, str] = ("", ""), version: str = "1.0.0") -> compiled.Compiled:
    """Return the contract compiled; ``replace`` changes the text of its first ruleset."""
    value = document.load((FOLDER / "contracts/lending.yaml").read_text())
    parsed = document.parse({**value, "version": version}, ruleset_version="0.1.0")
    first = (FOLDER / "rulesets/lending.yaml").read_text()
    assert not replace[0] or replace[0] in first
    texts = [
        first.replace(*replace) if replace[0] else first,
        (FOLDER / "rulesets/lending_guards.yaml").read_text(),
    ]
    return compiled.compile_contract(parsed, [rulesets.loads(text) for text in texts])


def caller(tenant: uuid.UUID | None = None) -> Caller:
    """Return somebody who asks."""
    return Caller(tenant or ids.uuid7(), "key:test", "trace")


def row(label: int | None = None, **changes: Any) -> dict[str, Any]:
    """Return an application with its label."""
    found = {**APPROVED, **changes}
    return found if label is None else {**found, "label": label}
