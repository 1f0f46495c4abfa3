"""What is likely wrong with rulesets and tables that are correct as such.

What must stay true: an error is certain (it is proven on boxes that contain every input a rule could hold
for); what only looks odd is a warning. Nothing is found by running the rules on invented data, but every
finding that speaks of inputs gives one as an example.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, Literal

from policy.rules import boxes, conditions
from policy.rules.cel.ast import Node
from policy.rules.compiling import tables as compiled_tables
from policy.rules.rulesets import Rule, Ruleset
from policy.rules.tables import Table

Severity = Literal["error", "warning", "info"]
MAX_REGIONS = 200_000
MAX_FINDINGS = 50


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at. `code` is stable."""

    code: str
    severity: Severity
    rule: str
    line: int
    message: str
    example: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Known:
    rule: Rule
    node: Node
    normal: str
    boxes: list[boxes.Box]


def lint(ruleset: Ruleset, input_schema: Mapping[str, Any]) -> list[Finding]:
    """Return what is odd about a ruleset, in the order of its rules."""
    scope = conditions.Scope(input_schema)
    findings = list(_duplicate_names([(rule.name, rule.line) for rule in ruleset.rules]))
    known: list[_Known] = []
    for rule in ruleset.ordered():
        try:
            node = scope.parse(rule.when)
        except conditions.RuleInvalid as error:
            findings.append(Finding("invalid_condition", "error", rule.name, rule.line, error.detail))
            continue
        found = [box for box in boxes.of(node, scope) if not box.is_empty()]
        current = _Known(rule, node, boxes.normal_form(node, scope), found)
        if not found:
            message = "the condition can never hold within the contract"
            findings.append(Finding("never_true", "error", rule.name, rule.line, message))
        else:
            findings.extend(_against_earlier(current, known))
        known.append(current)
    return sorted(findings, key=lambda finding: (finding.line, finding.code))


def _duplicate_names(names: Sequence[tuple[str, int]]) -> Iterator[Finding]:
    counts = Counter(name for name, _ in names)
    seen: set[str] = set()
    for name, line in names:
        if counts[name] > 1 and name in seen:
            yield Finding("duplicate_name", "error", name, line, "another rule has this name")
        seen.add(name)


def _against_earlier(current: _Known, known: Sequence[_Known]) -> Iterator[Finding]:
    rule, example = current.rule, current.boxes[0].example()
    for earlier in known:
        if earlier.normal == current.normal:
            same = earlier.rule.action.decision_class == rule.action.decision_class
            code = "duplicate_rule" if same else "conflicting_rules"
            verb = "repeats" if same else "has the same condition, but another class than"
            message = f"{verb} {earlier.rule.name} (line {earlier.rule.line})"
            severity: Severity = "warning" if same else "error"
            yield Finding(code, severity, rule.name, rule.line, message, example)
        if earlier.rule.stop and all(
            any(other.covers(box) for other in earlier.boxes) for box in current.boxes
        ):
            message = f"is never reached: {earlier.rule.name} (line {earlier.rule.line}) stops before it"
            yield Finding("unreachable_rule", "error", rule.name, rule.line, message, example)


# Tables


def lint_table(table: Table, input_schema: Mapping[str, Any]) -> list[Finding]:
    """Return duplicate names, gaps, overlaps and rows that never decide."""
    try:
        program = compiled_tables.compile_table(table, input_schema)
    except conditions.RuleInvalid as error:
        return [
            Finding("invalid_table", "error", table.name, int(item.get("line", 0)), str(item["message"]))
            for item in error.errors
        ]
    findings = list(_duplicate_names([(row.name, row.line) for row in table.rows]))
    findings.extend(_Regions(program).findings())
    return findings


class _Regions:
    """Walks the regions that the columns cut the input into; rows behave alike within one region."""

    def __init__(self, program: compiled_tables.TableProgram) -> None:
        self.program = program
        self.table = program.table
        self.choices = [self._choices(column) for column in program.columns]
        self.visited = 0
        self.alive = 0
        self.gaps: list[dict[str, Any]] = []
        self.overlaps: dict[tuple[int, int], dict[str, Any]] = {}

    def _choices(self, column: compiled_tables.Column) -> list[tuple[Any, int]]:
        path = boxes.path_of(column.node, self.program.scope)
        allowed = boxes.domain(self.program.scope, path) if path else boxes.Range()
        if column.kind == "number":
            found = []
            for place, sample in enumerate(compiled_tables.samples(column.points)):
                low = column.points[(place - 1) // 2] if place else None
                high = column.points[place // 2] if place // 2 < len(column.points) else None
                value = _value_in(sample, low, high, place % 2 == 1, allowed)
                if value is not None:
                    found.append((value, column.slots[place]))
            return found
        values: list[Any] = [*column.named]
        if column.kind == "string":
            known = set(values)
            rest = sorted((item for item in allowed.allowed or () if item not in known), key=str)
            values.extend(rest[:1] if allowed.allowed is not None else [compiled_tables.other_text(known)])
        return [(value, column.mask(value)) for value in values if allowed.admits(value)]

    def findings(self) -> Iterator[Finding]:
        """Return what the walk shows; a table with too many regions says so instead."""
        self._walk(0, self.program.everything, {})
        if self.visited >= MAX_REGIONS:
            message = f"more than {MAX_REGIONS} regions: gaps and overlaps were searched only in part"
            yield Finding("table_too_large", "info", self.table.name, 0, message)
        if self.table.hit_policy != "collect":
            for example in self.gaps[:MAX_FINDINGS]:
                yield Finding("table_gap", "warning", self.table.name, 0, "no row matches", example)
        for (one, two), example in list(self.overlaps.items())[:MAX_FINDINGS]:
            first, second = self.table.rows[one], self.table.rows[two]
            same = first.values == second.values
            if self.table.hit_policy == "unique" or (self.table.hit_policy == "any" and not same):
                message = f"overlaps {first.name} (row {one + 1})"
                yield Finding("table_overlap", "error", second.name, second.line, message, example)
        if self.visited < MAX_REGIONS:
            for number, row in enumerate(self.table.rows):
                if not self.alive >> number & 1:
                    yield Finding("unreachable_row", "error", row.name, row.line, "never decides")

    def _walk(self, depth: int, mask: int, chosen: dict[str, Any]) -> None:
        if self.visited >= MAX_REGIONS:
            return
        self.visited += 1
        if mask == 0:
            if len(self.gaps) < MAX_FINDINGS:
                rest = self.program.columns[depth:]
                others = (choices[0][0] if choices else None for choices in self.choices[depth:])
                self.gaps.append(
                    {**chosen, **dict(zip((column.name for column in rest), others, strict=True))}
                )
            return
        if depth == len(self.choices):
            self._leaf(mask, chosen)
            return
        name = self.program.columns[depth].name
        for value, rows in self.choices[depth]:
            self._walk(depth + 1, mask & rows, {**chosen, name: value})

    def _leaf(self, mask: int, chosen: dict[str, Any]) -> None:
        hits = [number for number in range(mask.bit_length()) if mask >> number & 1]
        if self.table.hit_policy == "first":
            self.alive |= 1 << hits[0]
        elif self.table.hit_policy == "priority":
            best = max(hits, key=lambda number: (self.table.rows[number].priority, -number))
            self.alive |= 1 << best
        else:
            self.alive |= mask
        for one, two in pairwise(hits):
            self.overlaps.setdefault((one, two), dict(chosen))


def _value_in(
    sample: float | Fraction, low: float | None, high: float | None, is_point: bool, allowed: boxes.Range
) -> float | None:
    """Return a value of a slot that the contract allows, or None."""
    if is_point:
        point = float(sample) if isinstance(sample, Fraction) else sample
        whole = not allowed.whole or float(point).is_integer()
        return point if whole and allowed.admits(point) else None
    gap = boxes.Range(low_open=low is not None, high_open=high is not None, whole=allowed.whole)
    limits = boxes.Range(
        gap.low if low is None else low,
        gap.high if high is None else high,
        gap.low_open,
        gap.high_open,
        whole=allowed.whole,
    ).meet(allowed)
    if not limits.is_bounded() and limits.allowed is None:
        return 0
    found = limits.example()
    return None if found is conditions.MISSING or isinstance(found, str) else found
