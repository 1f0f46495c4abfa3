"""What the linter finds in rulesets and tables, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.rules import boxes, compiling, conditions, linting, rulesets, tables
from policy.rules.cel import interpret
from policy.rules.compiling.tables import compile_table
from policy.rules.rulesets import Action, Rule, Ruleset

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["score", "ratio", "verified", "region"],
    "properties": {
        "score": {"type": "integer", "minimum": 0, "maximum": 1000},
        "ratio": {"type": "number"},
        "verified": {"type": "boolean"},
        "region": {"type": "string"},
        "extra": {"type": "integer"},
    },
}


def found(*rules: tuple[str, str] | tuple[str, str, bool]) -> list[tuple[str, str]]:
    """Lint rules given as condition, class and stop; names are r0, r1, ..."""
    built = tuple(
        Rule(f"r{n}", item[0], Action(item[1]), stop=bool(item[2:] and item[2]), line=n + 1)
        for n, item in enumerate(rules)
    )
    return [(item.code, item.rule) for item in linting.lint(Ruleset("s", built), SCHEMA)]


class TestRulesets:
    @pytest.mark.requirement("A-D4")
    def test_the_lending_pack_is_clean(
        self, lending: list[rulesets.Ruleset], contract: dict[str, Any]
    ) -> None:
        assert [linting.lint(ruleset, contract["input"]) for ruleset in lending] == [[], []]

    def test_duplicate_names(self) -> None:
        rules = tuple(Rule("same", f"score < {n}", Action("reject"), line=n) for n in (1, 2))
        findings = linting.lint(Ruleset("s", rules), SCHEMA)
        assert [(item.code, item.line) for item in findings] == [("duplicate_name", 2)]

    @pytest.mark.parametrize(
        "other",
        [
            "score < 5 && verified",
            "verified && score < 5",
            "verified && 5 > score && verified",
            "!(score >= 5) && verified",
            "!!verified && (score < 5)",
        ],
    )
    def test_the_same_condition_in_other_words(self, other: str) -> None:
        assert found(("score < 5 && verified", "reject"), (other, "reject")) == [("duplicate_rule", "r1")]
        assert found(("score < 5 && verified", "reject"), (other, "review")) == [("conflicting_rules", "r1")]

    @pytest.mark.parametrize(
        ("first", "second", "shadowed"),
        [
            ("score < 550", "score < 500", True),
            ("score < 550", "score <= 550", False),
            ("score <= 550", "score < 551 && verified", False),
            ("score < 550", "score < 550 && ratio > 1.0", True),
            ("score < 550 || verified", "verified && ratio > 2.0", True),
            ("score < 550 && verified", "score < 500", False),
            ("region in ['a', 'b']", "region == 'a'", True),
            ("region in ['a', 'b']", "region in ['a', 'c']", False),
            ("region != 'a'", "region == 'b'", True),
            ("score >= 0", "ratio > 1.0", False),
            ("extra > 1", "score > 1", False),
            ("extra > 1", "extra > 2", True),
            ("region.startsWith('a')", "region == 'ab'", False),
            ("true", "score < 5", True),
        ],
    )
    def test_a_rule_behind_one_that_stops(self, first: str, second: str, shadowed: bool) -> None:
        codes = [code for code, _ in found((first, "reject", True), (second, "reject"))]
        assert ("unreachable_rule" in codes) is shadowed

    def test_a_condition_that_never_holds(self) -> None:
        assert found(("score > 5 && score < 6", "reject")) == [("never_true", "r0")]
        assert found(("ratio > 5.0 && ratio < 6.0", "reject")) == []
        assert found(("verified && !verified", "reject")) == [("never_true", "r0")]

    def test_a_condition_that_is_wrong(self) -> None:
        assert found(("score <", "reject")) == [("invalid_condition", "r0")]

    def test_gives_an_input_as_example(self) -> None:
        rules = (
            Rule("one", "score < 9", Action("reject"), stop=True),
            Rule("two", "score < 5 && verified", Action("review")),
        )
        (finding,) = linting.lint(Ruleset("s", rules), SCHEMA)
        assert finding.example is not None
        assert finding.example["score"] < 5
        assert finding.example["verified"] is True


comparisons = st.sampled_from(
    [
        *("score < 5", "score <= 7", "score > 3", "score == 4", "score != 4", "6 >= score", "verified"),
        *("region == 'a'", "region in ['a', 'b']", "region != 'b'", "ratio <= 2.0", "ratio > 0.5"),
        "score in [1, 4, 6]",
    ]
)
formulas = st.recursive(
    comparisons,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda part: f"({' '.join(part)})")
        | inner.map(lambda part: f"!({part})")
    ),
    max_leaves=5,
)
rows = st.fixed_dictionaries(
    {
        "score": st.integers(0, 9),
        "ratio": st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0]),
        "verified": st.booleans(),
        "region": st.sampled_from(["a", "b", "c"]),
    }
)


class TestBoxes:
    @settings(max_examples=300, deadline=None)
    @given(formula=formulas, data=rows)
    def test_contain_exactly_the_inputs_for_which_the_condition_holds(
        self, formula: str, data: dict[str, Any]
    ) -> None:
        scope = conditions.Scope(SCHEMA)
        node = conditions.cel.parse(formula)
        found_boxes = boxes.of(node, scope)
        if not all(box.exact for box in found_boxes):
            return
        inside = any(
            all(limits.admits(data[path]) for path, limits in box.ranges.items()) for box in found_boxes
        )
        assert inside is interpret(node, data)

    @settings(max_examples=200, deadline=None)
    @given(first=formulas, second=formulas, data=st.lists(rows, min_size=5, max_size=20))
    def test_an_unreachable_rule_never_applies(
        self, first: str, second: str, data: list[dict[str, Any]]
    ) -> None:
        rules = (Rule("r0", first, Action("reject"), stop=True), Rule("r1", second, Action("review")))
        try:
            findings = {item.code for item in linting.lint(Ruleset("s", rules), SCHEMA)}
            program = compiling.compile_rulesets([Ruleset("s", rules)], SCHEMA)
        except conditions.RuleInvalid:
            return
        if findings & {"unreachable_rule"}:
            assert not any(item.rule.name == "r1" for row in data for item in program.decide(row).applied)


class TestTables:
    TABLE = """
name: t
hit_policy: {policy}
inputs: [score, verified]
outputs: [class]
rows:
  - {{when: ["< 500", "-"], then: [reject]}}
  - {{when: ["[400..700)", "true"], then: [approve]}}
  - {{when: [">= 800", "-"], then: [approve]}}
"""

    def test_gaps_come_with_an_input_that_no_row_matches(self) -> None:
        table = tables.loads(self.TABLE.format(policy="unique"))
        program = compile_table(table, SCHEMA)
        gaps = [item for item in linting.lint_table(table, SCHEMA) if item.code == "table_gap"]
        assert gaps
        for gap in gaps:
            assert gap.example is not None
            assert program.decide(gap.example).rows == ()

    def test_overlaps_come_with_an_input_that_both_rows_match(self) -> None:
        table = tables.loads(self.TABLE.format(policy="unique"))
        (overlap,) = [item for item in linting.lint_table(table, SCHEMA) if item.code == "table_overlap"]
        assert overlap.example is not None
        assert compile_table(table, SCHEMA).decide(overlap.example).rows == ("row_1", "row_2")

    def test_first_may_overlap_but_every_row_must_be_able_to_decide(self) -> None:
        text = self.TABLE.format(policy="first")
        assert {item.code for item in linting.lint_table(tables.loads(text), SCHEMA)} == {"table_gap"}
        behind = tables.loads(text + '  - {when: ["< 100", "true"], then: [review]}\n')
        unreachable = [
            item.rule for item in linting.lint_table(behind, SCHEMA) if item.code == "unreachable_row"
        ]
        assert unreachable == ["row_4"]

    def test_a_complete_table_is_clean(self) -> None:
        text = self.TABLE.format(policy="first") + '  - {when: ["-", "-"], then: [review]}\n'
        assert linting.lint_table(tables.loads(text), SCHEMA) == []

    def test_whole_numbers_have_no_gap_between_neighbours(self) -> None:
        text = "name: t\ninputs: [score]\noutputs: [c]\nrows:\n"
        text += '  - {when: ["<= 499"], then: [1]}\n  - {when: [">= 500"], then: [2]}\n'
        assert linting.lint_table(tables.loads(text), SCHEMA) == []

    def test_a_wrong_cell_is_named(self) -> None:
        text = "name: t\ninputs: [score]\noutputs: [c]\nrows:\n" + "  - {when: ['\"x\"'], then: [1]}\n"
        (finding,) = linting.lint_table(tables.loads(text), SCHEMA)
        assert (finding.code, finding.line) == ("invalid_table", 5)
