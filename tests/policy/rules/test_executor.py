"""Order, stop, missing data, errors and the combination of rulesets."""

from __future__ import annotations

from typing import Any

import pytest

from policy.rules import compiling, conditions, executor
from policy.rules.rulesets import Action, Rule, Ruleset

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["a"],
    "properties": {
        "a": {"type": "integer"},
        "b": {"type": "integer"},
        "s": {"type": "string"},
        "n": {"type": ["integer", "null"]},
        "o": {"type": "object", "required": ["x"], "properties": {"x": {"type": "integer"}}},
    },
}


def rule(name: str, when: str, decision_class: str = "approve", confidence: float = 0.9, **more: Any) -> Rule:
    return Rule(name, when, Action(decision_class, (name,), confidence, (f"doc_{name}",)), **more)


def decide(data: dict[str, Any], *groups: list[Rule], **checklist: list[str]) -> executor.Outcome:
    """Decide compiled, traced and by the interpreter, which must agree."""
    sets = [Ruleset(f"set{place}", tuple(rules)) for place, rules in enumerate(groups)]
    program = compiling.compile_rulesets(sets, SCHEMA, checklist)
    outcome = executor.evaluate(sets, data, program.scope, checklist=checklist)
    compiled, reference = program.decide(data), program.reference(data)
    assert compiled == reference
    assert program.explain(data) == program.reference_traced(data)
    assert compiled.as_dict() == outcome.as_dict()
    return compiled


@pytest.mark.requirement("A-D0")
class TestOrder:
    def test_is_by_priority_then_as_written(self) -> None:
        rules = [
            rule("low", "a > 0", priority=1),
            rule("x", "a > 0", priority=5),
            rule("y", "a > 0", priority=5),
        ]
        assert decide({"a": 1}, rules).reasons == ("x", "y", "low")

    def test_the_last_match_gives_class_and_confidence(self) -> None:
        rules = [rule("first", "a > 0", priority=2), rule("last", "a > 0", "review", 0.3, priority=1)]
        outcome = decide({"a": 1}, rules)
        assert (outcome.decision_class, outcome.confidence) == ("review", 0.3)

    def test_stop_ends_the_ruleset_only(self) -> None:
        rules = [rule("first", "a > 0", stop=True, priority=2), rule("never", "a > 0", "reject")]
        assert decide({"a": 1}, rules, [rule("other", "a > 0")]).reasons == ("first", "other")

    def test_what_a_stop_skipped_is_loaded_again_where_a_later_ruleset_needs_it(self) -> None:
        rules = [rule("first", "a > 0", stop=True, priority=2), rule("never", "b > 0", on_missing="skip")]
        assert decide({"a": 1, "b": 2}, rules, [rule("other", "b > 1")]).reasons == ("first", "other")


class TestCombination:
    def test_takes_the_most_restrictive_class_and_the_lowest_confidence(self) -> None:
        outcome = decide(
            {"a": 1},
            [rule("good", "a > 0", "approve", 0.7)],
            [rule("bad", "a > 0", "reject", 0.95)],
            [rule("so", "a > 0", "review", 0.8)],
        )
        assert (outcome.decision_class, outcome.confidence) == ("reject", 0.7)
        assert outcome.reasons == ("good", "bad", "so")
        assert outcome.required_docs == ("doc_good", "doc_bad", "doc_so")

    def test_leaves_out_a_ruleset_without_a_match(self) -> None:
        assert decide({"a": 1}, [rule("good", "a > 0")], [rule("bad", "a > 5", "reject")]).reasons == (
            "good",
        )

    def test_asks_for_the_checklist_of_the_final_class(self) -> None:
        outcome = decide({"a": 1}, [rule("r", "a > 0", "review")], review=["identity", "doc_r"])
        assert outcome.required_docs == ("doc_r", "identity")


@pytest.mark.requirement("A-D0")
class TestMissingData:
    def test_is_never_zero(self) -> None:
        outcome = decide({"a": 1}, [rule("floor", "b < 100", "reject")])
        assert (outcome.decision_class, outcome.reasons) == ("review", ("missing_data",))
        assert outcome.not_evaluated == [{"rule": "floor", "ruleset": "set0", "cause": "missing: b"}]

    def test_forces_a_review_over_an_approval(self) -> None:
        outcome = decide({"a": 1}, [rule("good", "a > 0"), rule("floor", "b < 100", "reject")])
        assert (outcome.decision_class, outcome.confidence) == ("review", 0.5)
        assert outcome.reasons == ("good", "missing_data")

    def test_does_not_matter_after_a_rejection_that_stopped(self) -> None:
        rules = [rule("bad", "a > 0", "reject", stop=True, priority=2), rule("floor", "b < 100")]
        outcome = decide({"a": 1}, rules)
        assert (outcome.decision_class, outcome.not_evaluated) == ("reject", [])

    def test_does_nothing_where_it_is_to_be_skipped(self) -> None:
        outcome = decide({"a": 1}, [rule("good", "a > 0"), rule("floor", "b < 100", on_missing="skip")])
        assert outcome.decision_class == "approve"
        assert len(outcome.not_evaluated) == 1

    @pytest.mark.parametrize(
        ("when", "result"),
        [
            ("b > 0 && a > 5", False),
            ("a > 5 && b > 0", False),
            ("b > 0 || a > 0", True),
            ("b > 0 && a > 0", None),
            ("!(b > 0)", None),
            ("a > 0 ? true : b > 0", True),
            ("b > 0 ? true : true", None),
            ("has(input.b) && b > 0", False),
            ("!has(input.b) || b > 0", True),
            ("has(o.x)", None),
            ("has(input.o) && o.x > 1", False),
            ("o.x > 1", None),
            ("b in [1, 2]", None),
            ("s.matches('^a')", None),
            ("n == null", None),
        ],
    )
    def test_matters_only_where_the_condition_needs_it(self, when: str, result: bool | None) -> None:
        outcome = decide({"a": 1}, [rule("it", when)])
        found = None if outcome.skipped else bool(outcome.applied)
        assert found is result


class TestErrors:
    @pytest.mark.parametrize(
        "when", ["a * a * a > 0", "a / (a - a) > 1", "a % (a - a) == 1", "-a - a - a < 0"]
    )
    def test_ask_for_a_review_even_where_missing_data_is_skipped(self, when: str) -> None:
        outcome = decide({"a": 2**62}, [rule("good", "a > 0"), rule("bad", when, on_missing="skip")])
        assert (outcome.decision_class, outcome.reasons) == ("review", ("good", "rule_error"))
        assert outcome.not_evaluated[0]["cause"].startswith("error: ")

    def test_that_come_before_a_missing_value_are_the_cause(self) -> None:
        (noted,) = decide({"a": 0}, [rule("bad", "a / a < b")]).not_evaluated
        assert noted["cause"] == "error: divide by zero"
        (noted,) = decide({"a": 0}, [rule("bad", "b < a / a")]).not_evaluated
        assert noted["cause"] == "missing: b"

    def test_are_absorbed_by_what_decides_without_them(self) -> None:
        assert decide({"a": 0}, [rule("good", "1 / a > 0 || a == 0")]).reasons == ("good",)

    def test_an_input_outside_of_the_contract_goes_to_the_interpreter(self) -> None:
        outcome = decide({"a": "text"}, [rule("good", "a > 0")])
        assert outcome.reasons == ("rule_error",)
        assert decide({}, [rule("good", "a > 0")]).not_evaluated[0]["cause"] == "missing: a"


class TestRefusals:
    @pytest.mark.parametrize("when", ["a <", "a + 1", "unknown > 1", "a > 'text'", "__import__('os')"])
    def test_a_wrong_condition_never_becomes_a_program(self, when: str) -> None:
        with pytest.raises(conditions.RuleInvalid) as caught:
            decide({"a": 1}, [rule("bad", when)])
        assert caught.value.errors[0]["pointer"] == "/rules/0/when"


class TestTrace:
    def test_shows_values_outcome_and_margin(self) -> None:
        sets = [Ruleset("s", (rule("r", "a * 2 > 10 || b < 3"), rule("t", "b > 1", on_missing="skip")))]
        program = compiling.compile_rulesets(sets, SCHEMA)
        first, second = program.explain({"a": 6}).as_dict()["trace"]
        assert (first["outcome"], first["values"], first["margin"]) == ("true", {"a": 6}, 2.0)
        assert first["distances"] == {"a * 2 > 10": 2.0}
        assert (second["outcome"], second["cause"], second["margin"]) == ("not_evaluated", "missing: b", None)
        applied = program.explain({"a": 6}).rules_applied[0]
        assert (applied["values"], applied["margin"]) == ({"a": 6}, 2.0)
