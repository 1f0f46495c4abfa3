"""The text that a new ruleset begins with: small, valid, and about the contract's own fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policy.rules import samples

_RULES = """name: {name}
description: What these rules look at, in one sentence.
rules:
  - name: first_look
    description: Why this rule is there.
    when: "{condition}"
    on_missing: skip
    action:
      class: review
      reasons: [first_look]
      confidence: 0.6
"""
_TABLE = """name: {name}
description: What this table looks at, in one sentence.
hit_policy: first
inputs:
  - {field}
outputs: [class, reasons, confidence]
rows:
  - {{name: first_row, when: [{cell}], then: [review, first_row, 0.6]}}
  - {{name: rest, when: ['-'], then: [review, rest, 0.5]}}
"""


def text_of(kind: str, name: str, input_schema: Mapping[str, Any]) -> str:
    """Return a text that can be saved as it is."""
    field, cell, condition = _first(input_schema)
    if kind == "table":
        return _TABLE.format(name=name, field=field, cell=cell)
    return _RULES.format(name=name, condition=condition)


def _first(input_schema: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return a field with a cell and a condition on it; numbers are the easiest to begin with."""
    fields = samples.fields_of(input_schema)
    sample = samples.sample_of(input_schema)
    for found in sorted(fields, key=lambda field: (not field["required"], field["type"] != "int")):
        value = sample.get(found["path"])
        if found["type"] in ("int", "double") and not found["values"]:
            return found["path"], f"'< {value}'", f"{found['path']} < {value}"
    for found in fields:
        if found["type"] == "bool":
            return found["path"], "false", f"!{found['path']}"
        if found["type"] == "string" and found["values"]:
            value = found["values"][0]
            return found["path"], f"'\"{value}\"'", f"{found['path']} == '{value}'"
    return "true", "true", "true"
