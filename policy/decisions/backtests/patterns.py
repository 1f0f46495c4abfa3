"""Which rules hold on a row, packed into words, and the outcome that belongs to such a pattern.

Each distinct condition of all versions has one slot of two bits (0 false, 1 true, 2 no value). What must stay
true: the executor concludes every pattern, as it concludes a single decision; here verdicts are only packed,
and rules behind a rule that stops its ruleset are left out as the executor leaves them out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policy.decisions.backtests.columnar import Column, Translator
from policy.decisions.contracts.compiled import Compiled
from policy.rules import conditions, executor

PER_WORD, BITS = 30, 60
FALSE, TRUE, UNKNOWN = 0, 1, 2
LEFT_OVER = 3
"""In place of the label's code: the row has no pattern and belongs to the row engine."""


class Version:
    """One contract over the slots of a run."""

    def __init__(self, compiled: Compiled, slots: Sequence[int]) -> None:
        self.compiled = compiled
        self.outcomes: dict[tuple[int, ...], executor.Outcome] = {}
        program, at = compiled.program, 0
        self.plan: list[list[tuple[int, bool]]] = []
        for ordered in program.prepared:
            taken = slots[at : at + len(ordered)]
            self.plan.append([(2 * slot, item.rule.stop) for slot, item in zip(taken, ordered, strict=True)])
            at += len(ordered)

    def outcome(self, pattern: int) -> executor.Outcome:
        """Return what the executor makes of a pattern."""
        codes: list[int] = []
        for steps in self.plan:
            stopped = False
            for shift, stop in steps:
                code = FALSE if stopped else pattern >> shift & 3
                stopped = stopped or (stop and code == TRUE)
                codes.append(code)
        key = tuple(codes)
        found = self.outcomes.get(key)
        if found is None:
            found = self.outcomes[key] = self._conclude(key)
        return found

    def _conclude(self, codes: tuple[int, ...]) -> executor.Outcome:
        at, results = 0, []
        for ordered in self.compiled.program.prepared:
            verdicts = []
            for condition in ordered:
                code = codes[at]
                at += 1
                if code == TRUE:
                    verdicts.append(executor.Verdict(condition, True))
                elif code == UNKNOWN:
                    # No value is always a missing field here; which one it is does not matter to the report.
                    verdicts.append(executor.Verdict(condition, None, conditions.MISSING_PREFIX + "a field"))
            results.append(verdicts)
        return executor.conclude(results, self.compiled.program.checklist)


class Slots:
    """The distinct conditions of all versions as SQL."""

    def __init__(self, versions: Sequence[Compiled], columns: Mapping[str, Column]) -> None:
        """Translate every condition; raises NotExpressible."""
        self.translator = Translator(columns)
        places: dict[str, int] = {}
        self.versions = []
        for compiled in versions:
            texts = [self.translator.condition(item.node) for item in compiled.program.flat]
            self.versions.append(Version(compiled, [places.setdefault(text, len(places)) for text in texts]))
        self.texts = tuple(places)

    def words(self) -> list[str]:
        """Return the expression of each word of a pattern."""
        found = []
        for at in range(0, len(self.texts), PER_WORD):
            parts = [
                f"(coalesce(({text})::UTINYINT, {UNKNOWN})::UBIGINT << {2 * place})"
                for place, text in enumerate(self.texts[at : at + PER_WORD])
            ]
            found.append(" | ".join(parts))
        return found or ["0::UBIGINT"]


def joined(words: Sequence[int]) -> tuple[int, int]:
    """Return the code of the label and the whole pattern."""
    pattern = 0
    for at, word in enumerate(words):
        pattern |= (word & ((1 << BITS) - 1)) << (BITS * at)
    return words[0] >> BITS, pattern
