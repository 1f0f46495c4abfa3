"""Rulesets as data: read from YAML, written back canonically, named by the digest of their content.

What must stay true: `loads(dumps(x)) == x`, and two rulesets of the same meaning in the same order have
the same digest however their files were laid out. A rule's condition is text in the rule language and is
never handed to Python.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from decisionos.kernel import canonical
from policy.rules import documents

MAX_RULES = 2_000
MAX_CONDITION = 10_000
NAME = re.compile(r"[a-z][a-z0-9_]{0,99}\Z")
CLASSES = ("approve", "review", "reject")
"""From the least to the most restrictive."""

OnMissing = Literal["review", "skip"]


@dataclass(frozen=True, slots=True)
class Action:
    """What a matching rule contributes."""

    decision_class: str
    reasons: tuple[str, ...] = ()
    confidence: float = 1.0
    required_docs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition, its place in the order, and what follows from it."""

    name: str
    when: str
    action: Action
    priority: int = 0
    stop: bool = False
    on_missing: OnMissing = "review"
    description: str = ""
    line: int = field(default=0, compare=False)
    declared: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    """Which of the optional keys the author wrote down; coverage reports it."""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Rules that are evaluated together, highest priority first."""

    name: str
    rules: tuple[Rule, ...]
    description: str = ""

    def ordered(self) -> tuple[Rule, ...]:
        """Return the rules in the order of evaluation."""
        return tuple(sorted(self.rules, key=lambda rule: -rule.priority))

    def digest(self) -> str:
        """Return the SHA-256 of the content."""
        return canonical.digest(as_data(self))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and NAME.match(value) is not None


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 1_000_000


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_condition(value: Any) -> bool:
    return isinstance(value, str) and len(value.strip()) > 0 and len(value) <= MAX_CONDITION


def _action(reader: documents.Reader, value: Any, pointer: str) -> Action:
    if value is None:
        reader.complain(pointer, "'action' is missing")
        return Action("review")
    data = reader.mapping(value, pointer, ("class", "reasons", "confidence", "required_docs"))
    return Action(
        decision_class=reader.take(
            data, pointer, "class", lambda item: item in CLASSES, f"one of {', '.join(CLASSES)}"
        ),
        reasons=reader.texts(data, pointer, "reasons"),
        confidence=round(
            float(reader.take(data, pointer, "confidence", _is_share, "a number from 0 to 1", 1.0)), 4
        ),
        required_docs=reader.texts(data, pointer, "required_docs"),
    )


def _rule(reader: documents.Reader, value: Any, pointer: str) -> Rule:
    keys = ("name", "when", "priority", "stop", "on_missing", "description", "action")
    data = reader.mapping(value, pointer, keys)
    take = reader.take
    return Rule(
        name=take(data, pointer, "name", _is_name, "a name of small letters, digits and underscores"),
        when=take(
            data, pointer, "when", _is_condition, f"a condition as text, at most {MAX_CONDITION} characters"
        ),
        priority=take(data, pointer, "priority", _is_int, "a whole number", 0),
        stop=take(data, pointer, "stop", lambda item: isinstance(item, bool), "true or false", False),
        on_missing=take(
            data, pointer, "on_missing", lambda item: item in ("review", "skip"), "review or skip", "review"
        ),
        description=take(data, pointer, "description", lambda item: isinstance(item, str), "a text", ""),
        action=_action(reader, data.get("action"), f"{pointer}/action"),
        line=reader.document.line(pointer),
        declared=frozenset(str(key) for key in data),
    )


def loads(text: str | bytes) -> Ruleset:
    """Read one ruleset from YAML.

    Raises documents.DocumentInvalid naming the pointer and line of everything that is wrong. Whether the
    conditions are correct in the rule language is for `compiling` and `linting` to say.
    """
    document = documents.read(text)
    reader = documents.Reader(document)
    data = reader.mapping(document.data, "", ("name", "description", "rules"))
    rules: list[Rule] = []
    listed = data.get("rules")
    if not isinstance(listed, list) or not listed:
        reader.complain("/rules", "must be a list with at least one rule")
    elif len(listed) > MAX_RULES:
        reader.complain("/rules", f"more than {MAX_RULES} rules")
    else:
        rules = [_rule(reader, item, f"/rules/{place}") for place, item in enumerate(listed)]
    ruleset = Ruleset(
        name=reader.take(data, "", "name", _is_name, "a name of small letters, digits and underscores"),
        description=reader.take(data, "", "description", lambda item: isinstance(item, str), "a text", ""),
        rules=tuple(rules),
    )
    reader.finish()
    return ruleset


def as_data(ruleset: Ruleset) -> dict[str, Any]:
    """Return the ruleset as plain data, every default written out, in canonical key order."""
    return {
        "name": ruleset.name,
        "description": ruleset.description,
        "rules": [
            {
                "name": rule.name,
                "description": rule.description,
                "when": rule.when,
                "priority": rule.priority,
                "stop": rule.stop,
                "on_missing": rule.on_missing,
                "action": {
                    "class": rule.action.decision_class,
                    "reasons": list(rule.action.reasons),
                    "confidence": rule.action.confidence,
                    "required_docs": list(rule.action.required_docs),
                },
            }
            for rule in ruleset.rules
        ],
    }


def dumps(ruleset: Ruleset) -> str:
    """Write the ruleset as canonical YAML."""
    return yaml.safe_dump(as_data(ruleset), sort_keys=False, allow_unicode=True, width=10_000)
