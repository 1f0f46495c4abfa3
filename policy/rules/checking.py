"""A text checked while somebody writes it: everything that is wrong or odd, each with its exact place.

What must stay true: checking never raises for what the text says; `is_valid` means that the text can become
a version (it reads, and every condition fits the contract); what is only odd never prevents that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import yaml

from policy.rules import cel, conditions, documents, linting, positions, sources
from policy.rules.cel import problems, types
from policy.rules.rulesets import Rule

INVALID = frozenset({"yaml", "document", "syntax", "invalid_table", "duplicate_name"})
"""Codes that keep a text from becoming a version; so do the codes of the type checker (`condition.*`)."""
_ON_NAME = frozenset({"duplicate_name"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to look at, at its place. `code` is stable; an end is exclusive."""

    code: str
    severity: str
    message: str
    line: int
    column: int
    end_line: int
    end_column: int
    rule: str = ""
    pointer: str = ""
    example: Mapping[str, Any] | None = None

    @property
    def is_invalid(self) -> bool:
        """Say whether the text cannot become a version because of it."""
        return self.code in INVALID or self.code.startswith("condition.")

    def as_dict(self) -> dict[str, Any]:
        """Return the problem as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """A rule, or a row that stands for one, as an editor shows it beside its lines."""

    name: str
    line: int
    end_line: int
    order: int
    decision_class: str
    priority: int
    stop: bool
    when: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found; `source` is None where the text could not be read."""

    kind: str
    problems: tuple[Problem, ...]
    rules: tuple[RuleFacts, ...] = ()
    source: sources.Source | None = None

    @property
    def is_valid(self) -> bool:
        """Say whether the text can become a version."""
        return self.source is not None and not any(problem.is_invalid for problem in self.problems)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "kind": self.kind,
            "name": self.source.ruleset.name if self.source else "",
            "is_valid": self.is_valid,
            "problems": [problem.as_dict() for problem in self.problems],
            "rules": [asdict(rule) for rule in self.rules],
        }


def check(text: str, input_schema: Mapping[str, Any] | None = None) -> Checked:
    """Check a text; without a schema only its form and the syntax of its conditions."""
    kind = sources.kind_of(text)
    try:
        source = sources.read(text)
        index = positions.index(text)
    except documents.DocumentInvalid as error:
        return Checked(kind, tuple(_unreadable(text, error)))
    items = "rows" if kind == "table" else "rules"
    found = list(_conditions(source, index, input_schema, items))
    if input_schema is not None:
        told = {problem.rule for problem in found}
        odd = _odd(source, index, input_schema, items)
        # A row whose cell can never hold never decides: said once is enough.
        found.extend(item for item in odd if item.code != "unreachable_row" or item.rule not in told)
    found.sort(key=lambda problem: (problem.line, problem.column, problem.code))
    return Checked(kind, tuple(found), _facts(source, index, items), source)


def _at(span: positions.Span) -> dict[str, Any]:
    return {
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def _unreadable(text: str, error: documents.DocumentInvalid) -> Iterator[Problem]:
    try:
        index = positions.index(text)
    except yaml.MarkedYAMLError as broken:
        mark = broken.problem_mark or broken.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        message = str(broken.problem or "not readable as YAML")
        yield Problem("yaml", "error", message, line, column, line, column + 1)
        return
    except (yaml.YAMLError, ValueError):
        index = positions.Index(tuple(text.splitlines()), {}, {})
    for complaint in error.complaints:
        pointer = complaint.pointer
        known = pointer in index.values or pointer in index.keys
        by_key = "key" in complaint.message or "missing" in complaint.message
        span = index.of_key(pointer) if by_key else index.of(pointer)
        if not known and complaint.line > 1 and span.line != complaint.line:
            span = positions.Span(complaint.line, 1, complaint.line, 2)
        yield Problem("document", "error", complaint.message, **_at(span), pointer=pointer)


def _rules_of(source: sources.Source) -> Iterator[tuple[int, Rule]]:
    yield from enumerate(source.ruleset.rules)


def _conditions(
    source: sources.Source, index: positions.Index, schema: Mapping[str, Any] | None, items: str
) -> Iterator[Problem]:
    """Parse and check every condition; the places of a table's problems are its rows."""
    scope = conditions.Scope(schema) if schema is not None else None
    for place, rule in _rules_of(source):
        pointer = f"/{items}/{place}/when"

        def told(
            code: str, message: str, line: int, column: int, pointer: str = pointer, rule: Rule = rule
        ) -> Problem:
            is_rule = source.kind == "rules"
            span = index.inside(pointer, line, column) if is_rule else index.of(pointer)
            return Problem(code, "error", message, **_at(span), rule=rule.name, pointer=pointer)

        try:
            node = cel.parse(rule.when)
            if scope is None:
                continue
            checked = cel.check(node, scope.environment, source=rule.when)
            if checked.type not in (types.BOOL, types.DYN):
                yield told("condition.type", f"is {checked.type}, must be true or false", 1, 1)
        except problems.SyntaxProblem as error:
            yield told("syntax", error.message, error.line, error.column)
        except problems.CheckProblems as error:
            for item in error.problems:
                yield told(f"condition.{item.code}", item.message, item.line, item.column)


def _odd(
    source: sources.Source, index: positions.Index, schema: Mapping[str, Any], items: str
) -> Iterator[Problem]:
    if source.table is not None:
        findings = linting.lint_table(source.table, schema)
    else:
        findings = linting.lint(source.ruleset, schema)
    places = {(rule.name, rule.line): place for place, rule in _rules_of(source)}
    by_name = {row.name: place for place, row in enumerate(source.table.rows)} if source.table else {}
    for finding in findings:
        if finding.code == "invalid_condition":
            continue
        place = places.get((finding.rule, finding.line), by_name.get(finding.rule))
        pointer = "" if place is None else f"/{items}/{place}"
        if place is not None and source.kind == "rules":
            pointer += "/name" if finding.code in _ON_NAME else "/when"
        span = index.of(pointer) if pointer else index.of_key(f"/{items}")
        yield Problem(
            finding.code,
            finding.severity,
            finding.message,
            **_at(span),
            rule=finding.rule,
            pointer=pointer,
            example=finding.example,
        )


def _facts(source: sources.Source, index: positions.Index, items: str) -> tuple[RuleFacts, ...]:
    order = {id(rule): place for place, rule in enumerate(source.ruleset.ordered(), start=1)}
    found = []
    for place, rule in _rules_of(source):
        span = index.whole(f"/{items}/{place}")
        found.append(
            RuleFacts(
                rule.name,
                span.line,
                index.last_line(span),
                order[id(rule)],
                rule.action.decision_class,
                rule.priority,
                rule.stop,
                rule.when,
            )
        )
    return tuple(found)
