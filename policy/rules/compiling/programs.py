"""One Python function per list of rulesets: `decide` without and `explain` with a trace.

The generated function only finds out which rules hold and packs that into one whole number; the outcome
belonging to a number is concluded once, by the executor, and remembered. What must stay true: for every
input that fits the contract both functions give the executor's outcome. Input that does not fit falls back to
the executor instead of being guessed at.

Only this package executes generated source. It is made of names generated here and of literals written by
`repr`; no text of a rule or a schema is ever pasted into it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from policy.rules import conditions, executor
from policy.rules.cel.problems import CostExceeded
from policy.rules.compiling import runtime, terms, truths
from policy.rules.rulesets import Ruleset

REMEMBERED = 4_096
Decide = Callable[[Mapping[str, Any]], executor.Outcome]
Errors = list[tuple[int, str]]


class Program:
    """Rulesets compiled against the input of a contract. `decide` and `explain` take a valid input."""

    decide: Decide
    explain: Decide

    def __init__(
        self,
        rulesets: Sequence[Ruleset],
        scope: conditions.Scope,
        checklist: executor.Checklist = executor.NO_CHECKLIST,
    ) -> None:
        self.scope = scope
        self.rulesets = tuple(rulesets)
        self.checklist = {key: tuple(value) for key, value in checklist.items()}
        self.prepared = tuple(conditions.prepare(ruleset, scope) for ruleset in rulesets)
        self.flat = tuple(item for ordered in self.prepared for item in ordered)
        self.remembered: dict[int, executor.Outcome] = {}
        self.causes: list[tuple[int, str]] = []
        """Bit `len(flat) + i` of a packed number says: this rule was not evaluated for this cause."""
        self.source: dict[str, str] = {}
        for name, traced in (("decide", False), ("explain", True)):
            generator = _Generator(self, traced)
            self.source[name] = generator.source(name)
            setattr(self, name, generator.function(name, self.source[name]))

    def reference(self, data: Mapping[str, Any]) -> executor.Outcome:
        """Decide by the interpreter."""
        return executor.run(self.prepared, data, self.scope, self.checklist)

    def reference_traced(self, data: Mapping[str, Any]) -> executor.Outcome:
        """Decide and trace by the interpreter."""
        return executor.run(self.prepared, data, self.scope, self.checklist, trace=True)

    def cause_bit(self, rule: int, cause: str) -> int:
        """Return the bit of a cause that is known beforehand."""
        pair = (rule, cause)
        if pair not in self.causes:
            self.causes.append(pair)
        return 1 << (len(self.flat) + self.causes.index(pair))

    def conclude(self, packed: int, errors: Errors | None = None) -> executor.Outcome:
        """Return the outcome of a packed number, concluding it when it is new."""
        known = None if errors else self.remembered.get(packed)
        if known is not None:
            return known
        failed = dict(errors or ())
        for place, (rule, cause) in enumerate(self.causes):
            if packed >> (len(self.flat) + place) & 1:
                failed[rule] = cause
        results: list[list[executor.Verdict]] = []
        index = 0
        for ordered in self.prepared:
            verdicts = []
            for condition in ordered:
                if packed >> index & 1:
                    verdicts.append(executor.Verdict(condition, True))
                elif index in failed:
                    verdicts.append(executor.Verdict(condition, None, failed[index]))
                index += 1
            results.append(verdicts)
        outcome = executor.conclude(results, self.checklist)
        if not errors and len(self.remembered) < REMEMBERED:
            self.remembered[packed] = outcome
        return outcome


class _Generator:
    def __init__(self, program: Program, traced: bool) -> None:
        self.program = program
        self.traced = traced
        self.names = terms.Names(program.scope)
        self.loaded: set[str] = set()
        self.body: list[str] = []
        self.has_errors = False

    def source(self, name: str) -> str:
        """Return the text of the function."""
        index = 0
        for ordered in self.program.prepared:
            certain: set[str] | None = None
            self.emit(2, "while True:")
            for condition in ordered:
                self.rule(index, condition)
                if condition.rule.stop and certain is None:
                    certain = set(self.loaded)
                index += 1
            self.emit(3, "break")
            if certain is not None:  # what was loaded after a first `stop` may not have been
                self.loaded = certain
        lines = [f"def {name}(d):", "    try:", "        k = 0"]
        if self.has_errors:
            lines.append("        f = None")
        if self.traced:
            lines.append("        t = []")
        lines += self.body
        if self.has_errors:
            lines.append("        o = conclude(k, f) if f else known(k) or conclude(k)")
        else:
            lines.append("        o = known(k) or conclude(k)")
        traced = "make(Outcome, (o[0], o[1], o[2], o[3], o[4], o[5], tuple(t)))"
        lines.append(f"        return {traced if self.traced else 'o'}")
        lines += ["    except REFUSED:", "        return reference(d)", ""]
        return "\n".join(lines)

    def function(self, name: str, source: str) -> Decide:
        """Return the function of the text."""
        program = self.program
        space: dict[str, Any] = {
            "__builtins__": {},
            "M": conditions.MISSING,
            "REFUSED": (KeyError, TypeError, AttributeError, ValueError, OverflowError, CostExceeded),
            "Failure": runtime.Failure,
            "ArithmeticProblem": runtime.ArithmeticProblem,
            "Outcome": executor.Outcome,
            "known": program.remembered.get,
            "conclude": program.conclude,
            "reference": program.reference_traced if self.traced else program.reference,
            "make": tuple.__new__,
            "TraceRow": executor.TraceRow,
            **{item.__name__: item for item in (float, int, len, str, tuple)},
            **{item.__name__: item for item in (runtime.int64, runtime.divide, runtime.modulo)},
            "quotient": runtime.quotient,
            **self.names.constants,
        }
        exec(compile(source, f"<rules {name}>", "exec"), space)  # noqa: S102 - see the module's docstring
        function: Decide = space[name]
        return function

    def emit(self, level: int, line: str) -> None:
        self.body.append("    " * level + line)

    def load(self, names: Sequence[str]) -> None:
        for name in names:
            for statement in self.names.loads[name]:
                target = statement.partition(" ")[0]
                if target not in self.loaded:
                    self.loaded.add(target)
                    self.emit(3, statement)

    def rule(self, index: int, condition: conditions.Condition) -> None:
        writer = truths.Writer(self.names)
        truth = writer.write(condition.node)
        shown = self.shown(condition) if self.traced else ("", "")
        used = " ".join([*writer.before, truth.true, truth.false, truth.cause or "", *shown])
        self.load([name for name in self.names.loads if _mentions(used, name)])
        for statement in writer.before:
            self.emit(3, statement)
        self.emit(3, f"if {truth.true}:")
        self.emit(4, f"k |= {1 << index}")
        self.row(index, condition, "True", shown, "None")
        if condition.rule.stop:
            self.emit(4, "break")
        if truth.cause is not None:
            self.emit(3, f"elif not {truth.false}:")
            if self.traced or truth.causes is None:
                self.emit(4, f"c = {truth.cause}")
            self.note(index, truth)
            self.row(index, condition, "None", shown, "c")
        if self.traced:
            self.emit(3, "else:")
            self.row(index, condition, "False", shown, "None")

    def note(self, index: int, truth: truths.Truth) -> None:
        """Write down that a rule was not evaluated."""
        if truth.causes is None:
            self.has_errors = True
            self.emit(4, f"if f is None: f = [({index}, c)]")
            self.emit(4, f"else: f.append(({index}, c))")
        elif len(truth.causes) == 1:
            self.emit(4, f"k |= {self.program.cause_bit(index, truth.causes[0])}")
        else:
            bits = {cause: self.program.cause_bit(index, cause) for cause in truth.causes}
            self.emit(4, f"k |= {self.names.constant(bits)}[{'c' if self.traced else truth.cause}]")

    def shown(self, condition: conditions.Condition) -> tuple[str, str]:
        """Return the sources of the tuple of values and of the tuple of distances."""
        values = []
        for path in condition.paths:
            fields = self.program.scope.fields(path)
            values.append(self.names.variable(path, fields) if fields else "M")
        gaps = [self.gap(comparison) for comparison in condition.comparisons]
        return _tuple(values), _tuple(gaps)

    def gap(self, comparison: conditions.Comparison) -> str:
        left = terms.build(comparison.left, self.names)
        right = terms.build(comparison.right, self.names)
        numbers = left is not None and right is not None and {left.kind, right.kind} <= set(terms.NUMERIC)
        if left is None or right is None or not numbers or left.raises or right.raises:
            measure = self.names.constant(_Gap(comparison, self.program.scope))
            return f"{measure}.measure(d)"
        source = f"float({left.source} - {right.source})"
        needs = terms.merge(left, right)
        if not needs:
            return source
        return f"(None if {' or '.join(f'{name} is M' for name in needs)} else {source})"

    def row(
        self, index: int, condition: conditions.Condition, result: str, shown: tuple[str, str], cause: str
    ) -> None:
        if self.traced:
            name = f"C{index}"
            self.names.constants[name] = condition
            parts = f"({name}, {result}, {shown[0]}, {shown[1]}, {cause})"
            self.emit(4, f"t.append(make(TraceRow, {parts}))")


class _Gap:
    def __init__(self, comparison: conditions.Comparison, scope: conditions.Scope) -> None:
        self.comparison = comparison
        self.scope = scope

    def measure(self, data: Mapping[str, Any]) -> float | None:
        return conditions.distance(self.comparison, data, self.scope)


def _tuple(parts: Sequence[str]) -> str:
    return f"({', '.join(parts)},)" if parts else "()"


def _mentions(text: str, name: str) -> bool:
    start = text.find(name)
    while start >= 0:
        end = start + len(name)
        before = start == 0 or not (text[start - 1].isalnum() or text[start - 1] == "_")
        if before and (end == len(text) or not (text[end].isalnum() or text[end] == "_")):
            return True
        start = text.find(name, end)
    return False
