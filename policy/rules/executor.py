"""From conditions to one outcome: the order of evaluation, missing data, and how rulesets combine.

What must stay true:

* rules run by priority, highest first, equal ones in the order written; every match adds its reasons and
  documents, class and confidence come from the last match, `stop` ends its ruleset;
* several rulesets are each evaluated on their own and combined most restrictive first (reject, review,
  approve), with all reasons and documents and the lowest confidence; one that matched nothing adds nothing;
* nothing matched anywhere is a review, confidence 0.5, reason `no_rule_matched`;
* a rule over a missing field is *not evaluated*, never false by accident: with `on_missing: review` it turns
  its ruleset's answer into a review, with `skip` it only leaves a note. A rule that fails for any other
  reason (overflow, division by zero) always asks for a review.

`evaluate` is the reference, over the interpreter. The compiled programs of `compiling` feed the same
`conclude`, so that only the truth of conditions is computed twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from policy.rules import conditions
from policy.rules.cel import problems
from policy.rules.rulesets import CLASSES, Ruleset

Checklist = Mapping[str, Sequence[str]]
"""Documents that a class of decision always asks for, such as `{"review": ["identity"]}`."""

NO_RULE_MATCHED = "no_rule_matched"
MISSING_DATA = "missing_data"
RULE_ERROR = "rule_error"
UNSURE = 0.5
NO_CHECKLIST: Checklist = {}


class Verdict(NamedTuple):
    """What one rule said: True, False, or None with the cause."""

    condition: conditions.Condition
    result: bool | None
    cause: str | None = None


class TraceRow(NamedTuple):
    """A verdict with what the rule saw: a value per path, a distance per comparison."""

    condition: conditions.Condition
    result: bool | None
    values: tuple[Any, ...]
    distances: tuple[float | None, ...]
    cause: str | None

    def seen(self) -> dict[str, Any]:
        """Return the values that were there, by path."""
        pairs = zip(self.condition.paths, self.values, strict=True)
        return {path: value for path, value in pairs if value is not conditions.MISSING}

    def margin(self) -> float | None:
        """Return the signed distance (value minus threshold) of the comparison nearest to tipping over."""
        best: tuple[float, float] | None = None
        for comparison, distance in zip(self.condition.comparisons, self.distances, strict=True):
            if distance is not None:
                scaled = abs(distance) / (abs(comparison.threshold or 0) or 1)
                if best is None or scaled < best[0]:
                    best = (scaled, distance)
        return None if best is None else round(best[1], 9)

    def as_dict(self) -> dict[str, Any]:
        """Return the row as plain data."""
        named = {True: "true", False: "false", None: "not_evaluated"}
        comparisons = zip(self.condition.comparisons, self.distances, strict=True)
        row: dict[str, Any] = {
            "rule": self.condition.rule.name,
            "ruleset": self.condition.ruleset,
            "outcome": named[self.result],
            "values": self.seen(),
            "margin": self.margin(),
            "distances": {item.text: round(gap, 9) for item, gap in comparisons if gap is not None},
        }
        if self.cause is not None:
            row["cause"] = self.cause
        return row


class Outcome(NamedTuple):
    """The answer. Immutable, because compiled programs hand the same one out again and again."""

    decision_class: str
    reasons: tuple[str, ...]
    confidence: float
    required_docs: tuple[str, ...]
    applied: tuple[conditions.Condition, ...]
    skipped: tuple[tuple[conditions.Condition, str], ...]
    trace: tuple[TraceRow, ...] | None = None

    @property
    def rules_applied(self) -> list[dict[str, Any]]:
        """Return each matching rule as plain data; values and margin are there when traced."""
        rows = {id(row.condition): row for row in self.trace or ()}
        result = []
        for condition in self.applied:
            item: dict[str, Any] = {
                "rule": condition.rule.name,
                "ruleset": condition.ruleset,
                "class": condition.rule.action.decision_class,
                "reasons": list(condition.rule.action.reasons),
            }
            row = rows.get(id(condition))
            if row is not None:
                item["values"] = row.seen()
                margin = row.margin()
                if margin is not None:
                    item["margin"] = margin
            result.append(item)
        return result

    @property
    def not_evaluated(self) -> list[dict[str, Any]]:
        """Return each rule that could not be evaluated, with its cause."""
        return [
            {"rule": condition.rule.name, "ruleset": condition.ruleset, "cause": cause}
            for condition, cause in self.skipped
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return the whole outcome as plain data."""
        result: dict[str, Any] = {
            "class": self.decision_class,
            "reasons": list(self.reasons),
            "confidence": self.confidence,
            "required_docs": list(self.required_docs),
            "rules_applied": self.rules_applied,
            "not_evaluated": self.not_evaluated,
        }
        if self.trace is not None:
            result["trace"] = [row.as_dict() for row in self.trace]
        return result


def _answer(verdicts: Iterable[Verdict]) -> tuple[str, float, list[str], list[str]] | None:
    """Return class, confidence, reasons and documents of one ruleset; None when it has nothing to say."""
    decision_class, confidence, matched = "review", UNSURE, False
    reasons: list[str] = []
    documents: list[str] = []
    doubts: list[str] = []
    for verdict in verdicts:
        rule = verdict.condition.rule
        if verdict.result is None:
            missing = (verdict.cause or "").startswith(conditions.MISSING_PREFIX)
            if not missing or rule.on_missing == "review":
                doubts.append(MISSING_DATA if missing else RULE_ERROR)
        elif verdict.result:
            matched = True
            decision_class, confidence = rule.action.decision_class, rule.action.confidence
            reasons.extend(rule.action.reasons)
            documents.extend(rule.action.required_docs)
    if doubts:
        return "review", min(confidence, UNSURE), reasons + doubts, documents
    return (decision_class, confidence, reasons, documents) if matched else None


def conclude(results: Sequence[Sequence[Verdict]], checklist: Checklist = NO_CHECKLIST) -> Outcome:
    """Combine the verdicts of each ruleset, in order, into the outcome."""
    answers = [answer for answer in map(_answer, results) if answer is not None]
    if not answers:
        answers = [("review", UNSURE, [NO_RULE_MATCHED], [])]
    decision_class = max((answer[0] for answer in answers), key=CLASSES.index)
    documents = [item for answer in answers for item in answer[3]]
    documents.extend(checklist.get(decision_class, ()))
    verdicts = [verdict for result in results for verdict in result]
    return Outcome(
        decision_class=decision_class,
        reasons=tuple(dict.fromkeys(item for answer in answers for item in answer[2])),
        confidence=round(min(answer[1] for answer in answers), 4),
        required_docs=tuple(dict.fromkeys(documents)),
        applied=tuple(verdict.condition for verdict in verdicts if verdict.result),
        skipped=tuple((item.condition, item.cause or "") for item in verdicts if item.result is None),
    )


def judge(condition: conditions.Condition, data: Mapping[str, Any], scope: conditions.Scope) -> Verdict:
    """Evaluate one rule by the interpreter."""
    try:
        value = scope.value(condition.node, data)
    except problems.EvaluationProblem as problem:
        return Verdict(condition, None, scope.cause(problem))
    if not isinstance(value, bool):
        return Verdict(condition, None, conditions.NOT_BOOLEAN)
    return Verdict(condition, value)


def evaluate(
    rulesets: Sequence[Ruleset],
    data: Mapping[str, Any],
    scope: conditions.Scope,
    *,
    checklist: Checklist = NO_CHECKLIST,
) -> Outcome:
    """Decide by the interpreter: slow, plain, the reference for everything compiled."""
    return run([conditions.prepare(ruleset, scope) for ruleset in rulesets], data, scope, checklist)


def run(
    prepared: Sequence[Sequence[conditions.Condition]],
    data: Mapping[str, Any],
    scope: conditions.Scope,
    checklist: Checklist = NO_CHECKLIST,
    *,
    trace: bool = False,
) -> Outcome:
    """Decide over conditions that were prepared before."""
    results: list[list[Verdict]] = []
    rows: list[TraceRow] = []
    for ordered in prepared:
        verdicts: list[Verdict] = []
        for condition in ordered:
            verdict = judge(condition, data, scope)
            verdicts.append(verdict)
            if trace:
                values = tuple(conditions.value_at(data, path) for path in condition.paths)
                gaps = tuple(conditions.distance(item, data, scope) for item in condition.comparisons)
                rows.append(TraceRow(condition, verdict.result, values, gaps, verdict.cause))
            if verdict.result and condition.rule.stop:
                break
        results.append(verdicts)
    outcome = conclude(results, checklist)
    return outcome._replace(trace=tuple(rows)) if trace else outcome
