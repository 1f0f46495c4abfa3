"""Small contracts of one rule, for tests that need no pack."""

from __future__ import annotations

from typing import Any

import orjson

from policy.decisions.contracts import compiled, document
from policy.rules import rulesets

FIELDS: dict[str, Any] = {
    "a": {"type": "integer"},
    "b": {"type": "integer"},
    "x": {"type": "number"},
    "y": {"type": "number"},
    "p": {"type": "boolean"},
    "s": {"type": "string"},
}


def one_rule(when: str, properties: dict[str, Any], version: str = "1.0.0") -> compiled.Compiled:
    """Return a contract that rejects where the condition holds."""
    value = document.ContractDocument(
        "t", version, {"type": "object", "properties": properties}, (document.RulesetRef("r", "1.0.0"),)
    )
    text = orjson.dumps(
        {
            "name": "r",
            "rules": [{"name": "one", "when": when, "action": {"class": "reject", "reasons": ["x"]}}],
        }
    ).decode()
    return compiled.compile_contract(value, [rulesets.loads(text)])
