"""Decision tables compiled: an index per column finds the matching rows without visiting each.

Every column cuts its values into slots: for numbers the named points and the gaps between them, found by
bisection; for text and booleans one slot per named value and one for the rest. A slot is a whole number
with one bit per row that accepts it; the rows that match are the bits left after `and`-ing all columns.

What must stay true: the index, the plain scan and `reference` give the same outcome. A value that is not
there passes only `-`. Where a row might have matched had the value been there, and that could change the
answer, there is no answer but the problem `missing_data`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

from policy.rules import cells, conditions
from policy.rules.cel import types
from policy.rules.cel.ast import Ident, Node, Select
from policy.rules.cel.problems import EvaluationProblem
from policy.rules.compiling import runtime, terms
from policy.rules.tables import Table

REMEMBERED = 4_096
MISSING_DATA = "missing_data"
SEVERAL_ROWS = "several_rows_match"
ROWS_DISAGREE = "rows_disagree"


class TableOutcome(NamedTuple):
    """What a table says: one record, a list of them (collect), or None when nothing matched."""

    result: Any
    rows: tuple[str, ...]
    problem: str | None = None
    missing: tuple[str, ...] = ()


@dataclass(slots=True)
class Column:
    """The index of one input."""

    name: str
    node: Node
    kind: str
    unset: int = 0
    """The rows that have `-` here."""
    points: list[float] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)
    named: dict[Any, int] = field(default_factory=dict)
    rest: int = 0

    def mask(self, value: Any) -> int:
        """Return the rows that accept a value."""
        if value != value:  # noqa: PLR0124 - not a number: accepted by `-` only
            return self.unset
        if self.kind == "number":
            return self.slots[bisect_left(self.points, value) + bisect_right(self.points, value)]
        return self.named.get(value, self.rest)


KINDS: dict[types.Type, str] = {
    types.INT: "number",
    types.DOUBLE: "number",
    types.STRING: "string",
    types.BOOL: "bool",
}


def _kind_of(value: Any) -> str:
    return "bool" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"


def _column(table: Table, place: int, scope: conditions.Scope, wrong: list[dict[str, Any]]) -> Column | None:
    declared = table.inputs[place]
    try:
        node, found = scope.parse_value(declared.expression)
    except conditions.RuleInvalid as error:
        wrong.append({"pointer": f"/inputs/{place}", "message": f"{declared.name}: {error.detail}"})
        return None
    kind = KINDS.get(found)
    if kind is None:
        wrong.append({"pointer": f"/inputs/{place}", "message": f"{declared.name}: is {found}"})
        return None
    column = Column(declared.name, node, kind)
    tests = [row.tests[place] for row in table.rows]
    for number, (row, test) in enumerate(zip(table.rows, tests, strict=True)):
        misfits = [value for value in cells.constants(test) if _kind_of(value) != kind]
        if misfits:
            message = f"row {number + 1}, column {place + 1} ({declared.name}): {misfits[0]!r} is no {kind}"
            wrong.append({"pointer": f"/rows/{number}/when/{place}", "line": row.line, "message": message})
            return None
    _fill(column, tests)
    return column


def _fill(column: Column, tests: list[cells.Test]) -> None:
    """Build the masks. A test changes its answer at its own constants only, so each is asked only there."""
    constants = {value for test in tests for value in cells.constants(test)}
    column.unset = sum(1 << n for n, test in enumerate(tests) if isinstance(test, cells.Anything))
    if column.kind == "number":
        column.points = sorted(value for value in constants if not isinstance(value, str))
        changes = [0] * (2 * len(column.points) + 2)
        for number, test in enumerate(tests):
            _mark(changes, column.points, test, 1 << number)
        mask = 0
        for change in changes[:-1]:
            mask ^= change
            column.slots.append(mask)
        return
    values = (True, False) if column.kind == "bool" else constants
    for number, test in enumerate(tests):
        if column.kind == "string" and cells.holds(test, other_text(cells.constants(test))):
            column.rest |= 1 << number
    column.named = dict.fromkeys(values, column.rest)
    for number, test in enumerate(tests):
        for value in values if column.kind == "bool" else set(cells.constants(test)):
            if cells.holds(test, value) != bool(column.rest >> number & 1):
                column.named[value] ^= 1 << number


def _mark(changes: list[int], points: list[float], test: cells.Test, bit: int) -> None:
    """Note the slots at which a row starts or ceases to accept."""
    own = sorted({value for value in cells.constants(test) if not isinstance(value, str)})
    starts = [0]
    for point in own:
        slot = 2 * bisect_left(points, point) + 1
        starts += [slot, slot + 1]
    for place, sample in enumerate(samples(own)):
        if cells.holds(test, sample):
            changes[starts[place]] ^= bit
            changes[starts[place + 1] if place + 1 < len(starts) else -1] ^= bit


def samples(points: list[float]) -> list[float | Fraction]:
    """Return one value of every slot: below the first point, the point, between it and the next, ..."""
    if not points:
        return [0]
    found: list[float | Fraction] = [points[0] - max(1.0, abs(points[0]))]
    for place, point in enumerate(points):
        after = points[place + 1] if place + 1 < len(points) else None
        beyond = point + max(1.0, abs(point))
        found += [point, beyond if after is None else (Fraction(point) + Fraction(after)) / 2]
    return found


def other_text(known: Any) -> str:
    """Return a text that is none of the known ones."""
    text = "other"
    while text in known:
        text += "_"
    return text


class TableProgram:
    """A table compiled against the input of a contract.

    `decide` uses the index, `scan` visits rows one after the other, `reference` interprets.
    """

    decide: Callable[[Mapping[str, Any]], TableOutcome]

    def __init__(self, table: Table, scope: conditions.Scope) -> None:
        wrong: list[dict[str, Any]] = []
        found = [_column(table, place, scope, wrong) for place in range(len(table.inputs))]
        if wrong:
            raise conditions.RuleInvalid(f"table {table.name}: {wrong[0]['message']}", errors=wrong)
        self.table = table
        self.scope = scope
        self.columns = [column for column in found if column is not None]
        self.everything = (1 << len(table.rows)) - 1
        self.remembered: dict[Any, TableOutcome] = {}
        self.source: dict[str, str] = {}
        self.decide = self._function("decide", self._write_index)

    @cached_property
    def scan(self) -> Callable[[Mapping[str, Any]], TableOutcome]:
        """Return the function without index, generated when it is first asked for."""
        return self._function("scan", self._write_scan)

    def reference(self, data: Mapping[str, Any]) -> TableOutcome:
        """Decide by the interpreter, cell by cell."""
        matched, possible = self.everything, self.everything
        missing: list[str] = []
        for place, column in enumerate(self.columns):
            value = self._value(column, data)
            if isinstance(value, runtime.Failure):
                missing.append(value.cause)
                matched &= column.unset
            else:
                passed = sum(
                    1 << n for n, row in enumerate(self.table.rows) if _passes(row.tests[place], value)
                )
                matched, possible = matched & passed, possible & passed
        return self.conclude(matched, possible, tuple(missing))

    def _value(self, column: Column, data: Mapping[str, Any]) -> Any:
        try:
            value = self.scope.value(column.node, data)
        except EvaluationProblem as problem:
            return runtime.Failure(self.scope.cause(problem))
        if value is None or _kind_of(value) != column.kind:
            return runtime.Failure("error: a value of another type")
        return value

    def conclude(self, matched: int, possible: int, missing: tuple[str, ...] = ()) -> TableOutcome:
        """Apply the hit policy to the rows that matched."""
        key = (matched, possible, missing) if missing else matched
        known = self.remembered.get(key)
        if known is None:
            known = self._apply(matched, possible, missing)
            if len(self.remembered) < REMEMBERED:
                self.remembered[key] = known
        return known

    def _apply(self, matched: int, possible: int, missing: tuple[str, ...]) -> TableOutcome:
        table = self.table
        hits = [number for number in range(len(table.rows)) if matched >> number & 1]
        rows = tuple(table.rows[number].name for number in hits)
        unsure = possible & ~matched
        if table.hit_policy == "first" and hits:
            unsure &= (1 << hits[0]) - 1
        if unsure:
            return TableOutcome(None, rows, MISSING_DATA, missing)
        records = [dict(zip(table.outputs, table.rows[number].values, strict=True)) for number in hits]
        if table.hit_policy == "collect":
            return TableOutcome(records, rows, None, missing)
        if not hits:
            return TableOutcome(None, rows, None, missing)
        if table.hit_policy == "unique" and len(hits) > 1:
            return TableOutcome(None, rows, SEVERAL_ROWS, missing)
        if table.hit_policy == "any" and any(record != records[0] for record in records):
            return TableOutcome(None, rows, ROWS_DISAGREE, missing)
        best = 0
        if table.hit_policy == "priority":
            best = max(range(len(hits)), key=lambda place: (table.rows[hits[place]].priority, -place))
        return TableOutcome(
            records[best], (rows[best],) if table.hit_policy != "any" else rows, None, missing
        )

    def _loads(self, names: terms.Names, column: Column, value: str) -> tuple[list[str], bool]:
        """Return the statements that put the column's value, or a Failure, into a variable."""
        term = terms.build(column.node, names)
        if term is None or term.raises:
            getter = names.constant(_Getter(self, column))
            return [f"{value} = {getter}.get(d)"], True
        lines = []
        for name in names.loads:
            if name in term.source or name in term.needs:
                lines += names.loads[name]
        lines = list(dict.fromkeys(lines))
        if not term.needs:
            return [*lines, f"{value} = {term.source}"], False
        chosen = term.source
        for name in reversed(term.needs):
            failure = names.constant(runtime.Failure(conditions.MISSING_PREFIX + names.optional[name]))
            chosen = f"({failure} if {name} is M else {chosen})"
        return [*lines, f"{value} = {chosen}"], True

    def _write_index(self, names: terms.Names) -> str:
        lines = ["def decide(d):", " try:", f"  m = p = {self.everything}", "  c = ()"]
        for place, column in enumerate(self.columns):
            value = f"w{place}"
            loads, may_fail = self._loads(names, column, value)
            lines += [f"  {line}" for line in loads]
            if column.kind == "number":
                points, slots = names.constant(column.points), names.constant(column.slots)
                mask = f"{slots}[left({points}, {value}) + right({points}, {value})]"
                if not isinstance(column.node, Ident | Select):  # arithmetic may give what is no number
                    mask = f"({mask} if {value} == {value} else {column.unset})"
            else:
                mask = f"{names.constant(column.named)}.get({value}, {column.rest})"
            if may_fail:
                lines += [
                    f"  if {value}.__class__ is Failure:",
                    f"   m &= {column.unset}",
                    f"   c += ({value}.cause,)",
                    f"  else:\n   n = {mask}\n   m &= n\n   p &= n",
                ]
            else:
                lines.append(f"  n = {mask}\n  m &= n\n  p &= n")
        lines += ["  if c: return conclude(m, p, c)", "  return known(m) or conclude(m, m)"]
        return "\n".join([*lines, " except REFUSED:", "  return reference(d)", ""])

    def _write_scan(self, names: terms.Names) -> str:
        lines = ["def scan(d):", " try:"]
        for place, column in enumerate(self.columns):
            loads, may_fail = self._loads(names, column, f"w{place}")
            lines += [f"  {line}" for line in loads]
            if may_fail:
                lines.append(f"  if w{place}.__class__ is Failure: return reference(d)")
            lines.append(f"  if w{place} != w{place}: return reference(d)")
        stops = self.table.hit_policy == "first"
        if not stops:
            lines.append("  m = 0")
        for number, row in enumerate(self.table.rows):
            tests = [
                cells.source(test, f"w{place}")
                for place, test in enumerate(row.tests)
                if not isinstance(test, cells.Anything)
            ]
            bit = 1 << number
            then = f"return known({bit}) or conclude({bit}, {bit})" if stops else f"m |= {bit}"
            lines.append(f"  if {' and '.join(tests) or 'True'}: {then}")
        lines.append("  return conclude(0, 0)" if stops else "  return known(m) or conclude(m, m)")
        return "\n".join([*lines, " except REFUSED:", "  return reference(d)", ""])

    def _function(
        self, name: str, write: Callable[[terms.Names], str]
    ) -> Callable[[Mapping[str, Any]], TableOutcome]:
        names = terms.Names(self.scope)
        self.source[name] = write(names)
        space: dict[str, Any] = {
            "__builtins__": {},
            "M": conditions.MISSING,
            "REFUSED": (KeyError, TypeError, AttributeError, ValueError, OverflowError),
            "Failure": runtime.Failure,
            "left": bisect_left,
            "right": bisect_right,
            "known": self.remembered.get,
            "conclude": self.conclude,
            "reference": self.reference,
            "quotient": runtime.quotient,
            **{item.__name__: item for item in (float, int, len)},
            **names.constants,
        }
        exec(compile(self.source[name], f"<table {name}>", "exec"), space)  # noqa: S102 - as in programs
        function: Callable[[Mapping[str, Any]], TableOutcome] = space[name]
        return function


class _Getter:
    def __init__(self, program: TableProgram, column: Column) -> None:
        self.program = program
        self.column = column

    def get(self, data: Mapping[str, Any]) -> Any:
        return self.program._value(self.column, data)


def _passes(test: cells.Test, value: Any) -> bool:
    if value != value:  # noqa: PLR0124 - not a number
        return isinstance(test, cells.Anything)
    return cells.holds(test, value)


def compile_table(table: Table, input_schema: Mapping[str, Any]) -> TableProgram:
    """Compile a table against a contract's input. Raises conditions.RuleInvalid naming row and column."""
    return TableProgram(table, conditions.Scope(input_schema))
