"""What a version of a ruleset is written as: a list of rules, or a decision table that stands for one.

What must stay true: a table becomes rules before anything decides, so that contracts, traces, backtests and
replay know one form only. Its outputs are what a rule's action says: class, reasons, confidence,
required_docs. Rows of `first` and `priority` stop; rows of `unique`, `any` and `collect` do not, and the
linter says where they overlap.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from policy.rules import cells, documents, rulesets, tables

OUTPUTS = ("class", "reasons", "confidence", "required_docs")
Kind = Literal["rules", "table"]

_TABLE = re.compile(r"^(?:hit_policy|inputs|rows)[ \t]*:", re.MULTILINE)
_RULES = re.compile(r"^rules[ \t]*:", re.MULTILINE)
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")


@dataclass(frozen=True, slots=True)
class Source:
    """One text, read: its rules, and the table where it is one."""

    kind: Kind
    ruleset: rulesets.Ruleset
    table: tables.Table | None = None


def kind_of(text: str) -> Kind:
    """Say which of the two forms a text has, also while it is being typed."""
    return "table" if _TABLE.search(text) and not _RULES.search(text) else "rules"


def read(text: str | bytes) -> Source:
    """Read either form. Raises documents.DocumentInvalid naming pointer and line."""
    content = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    if kind_of(content) == "rules":
        return Source("rules", rulesets.loads(text))
    table = tables.loads(text)
    return Source("table", expand(table), table)


def expand(table: tables.Table) -> rulesets.Ruleset:
    """Return the rules that a table stands for. Raises documents.DocumentInvalid."""
    complaints = [
        documents.Complaint(f"/outputs/{place}", 1, f"{name!r} is not one of {', '.join(OUTPUTS)}")
        for place, name in enumerate(table.outputs)
        if name not in OUTPUTS
    ]
    if "class" not in table.outputs:
        complaints.append(documents.Complaint("/outputs", 1, "must have the output 'class'"))
    if complaints:
        raise documents.DocumentInvalid(complaints)
    rules = tuple(_rule(table, place, row, complaints) for place, row in enumerate(table.rows))
    if complaints:
        raise documents.DocumentInvalid(complaints)
    return rulesets.Ruleset(table.name, rules, table.description)


def _rule(
    table: tables.Table, place: int, row: tables.TableRow, complaints: list[documents.Complaint]
) -> rulesets.Rule:
    stops = table.hit_policy in ("first", "priority")
    priority = {"first": len(table.rows) - place, "priority": row.priority}.get(table.hit_policy, 0)
    return rulesets.Rule(
        name=row.name if rulesets.NAME.match(row.name) else f"row_{place + 1}",
        when=_condition(table, row),
        action=_action(table, place, row, complaints),
        priority=priority,
        stop=stops,
        line=row.line,
    )


def _condition(table: tables.Table, row: tables.TableRow) -> str:
    parts = [
        condition(test, column.expression)
        for column, test in zip(table.inputs, row.tests, strict=True)
        if not isinstance(test, cells.Anything)
    ]
    return " && ".join(parts) if parts else "true"


def _action(
    table: tables.Table, place: int, row: tables.TableRow, complaints: list[documents.Complaint]
) -> rulesets.Action:
    given = {name: value for name, value in zip(table.outputs, row.values, strict=True) if value is not None}

    def complain(name: str, message: str) -> None:
        pointer = f"/rows/{place}/then/{table.outputs.index(name)}"
        complaints.append(documents.Complaint(pointer, row.line, f"row {place + 1}: {name} {message}"))

    decision_class = given.get("class")
    if decision_class not in rulesets.CLASSES:
        complain("class", f"must be one of {', '.join(rulesets.CLASSES)}")
        decision_class = "review"
    confidence = given.get("confidence", 1.0)
    if not rulesets._is_share(confidence):
        complain("confidence", "must be a number from 0 to 1")
        confidence = 1.0
    lists: dict[str, tuple[str, ...]] = {}
    for name in ("reasons", "required_docs"):
        found = _texts(given.get(name))
        if found is None:
            complain(name, "must be texts, separated by commas")
        lists[name] = found or ()
    return rulesets.Action(
        decision_class=str(decision_class),
        reasons=lists["reasons"],
        confidence=round(float(confidence), 4),
        required_docs=lists["required_docs"],
    )


def _texts(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return ()
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        return None
    return tuple(part.strip() for part in parts if part.strip())


def _literal(value: cells.Value | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def condition(test: cells.Test, expression: str) -> str:
    """Return the test of one cell as a condition over the column's expression."""
    subject = expression if _PATH.match(expression) else f"({expression})"
    if isinstance(test, cells.Anything):
        return "true"
    if isinstance(test, cells.Not):
        return f"!({condition(test.test, expression)})"
    if isinstance(test, cells.Either):
        plain = [item for item in test.tests if isinstance(item, cells.Compare) and item.sign == "="]
        if len(plain) == len(test.tests):
            return f"{subject} in [{', '.join(_literal(item.value) for item in plain)}]"
        return "(" + " || ".join(condition(item, expression) for item in test.tests) + ")"
    if isinstance(test, cells.Between):
        low, high = (">=" if test.has_low else ">"), ("<=" if test.has_high else "<")
        return f"{subject} {low} {_literal(test.low)} && {subject} {high} {_literal(test.high)}"
    if isinstance(test.value, bool) and test.sign in ("=", "!="):
        return subject if test.value is (test.sign == "=") else f"!{subject}"
    sign = "==" if test.sign == "=" else test.sign
    return f"{subject} {sign} {_literal(test.value)}"
