"""What a check finds while somebody writes, and that each finding stands where it is meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.rules import checking, positions

LENDING = (Path(__file__).resolve().parents[3] / "packs/lending/rulesets/lending.yaml").read_text()
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["score"],
    "properties": {
        "score": {"type": "integer", "minimum": 300, "maximum": 900},
        "ratio": {"type": "number"},
    },
}
RULES = """name: demo
rules:
  - name: low
    when: score < 550
    stop: true
    action: {class: reject, reasons: [low]}
  - name: high
    when: scoer >= 700 && ratio < 0.3
    action: {class: approve, reasons: [high]}
"""


def marked(text: str, problem: checking.Problem) -> str:
    """Return the characters that a problem marks."""
    line = text.splitlines()[problem.line - 1]
    return line[problem.column - 1 : problem.end_column - 1]


class TestCheck:
    def test_the_lending_pack_is_clean(self, contract: dict[str, Any]) -> None:
        checked = checking.check(LENDING, contract["input"])
        assert checked.is_valid
        assert checked.problems == ()
        first = checked.rules[0]
        assert (first.name, first.order, first.decision_class) == ("reject_low_credit", 1, "reject")
        assert LENDING.splitlines()[first.line - 1].strip() == "- name: reject_low_credit"
        assert checked.rules[1].line == first.end_line + 1

    @pytest.mark.parametrize(
        ("change", "code", "mark"),
        [
            (("scoer >=", "scoer >="), "condition.undeclared_reference", "scoer"),
            (("scoer >= 700", "score >= 'x'"), "condition.no_such_overload", None),
            (("scoer >= 700 &&", "score >= && "), "syntax", "&&"),
            (("scoer >= 700", "score < 100"), "condition.never_true", None),
        ],
    )
    def test_marks_the_word_that_is_wrong(self, change: tuple[str, str], code: str, mark: str | None) -> None:
        text = RULES.replace(*change)
        checked = checking.check(text, SCHEMA)
        problem = checked.problems[0]
        assert problem.line == 8
        assert problem.rule == "high"
        assert not checked.is_valid
        assert problem.code.partition(".")[0] == code.partition(".")[0]
        if mark is not None:
            assert marked(text, problem) == mark

    def test_marks_inside_a_block_text(self) -> None:
        text = RULES.replace(
            "when: scoer >= 700 && ratio < 0.3", "when: |\n      ratio < 0.3 &&\n        scoer > 1"
        )
        problem = checking.check(text, SCHEMA).problems[0]
        assert marked(text, problem) == "scoer"

    def test_marks_the_whole_of_a_folded_text(self) -> None:
        text = RULES.replace(
            "when: scoer >= 700 && ratio < 0.3", "when: >-\n      scoer >= 700\n      && ratio < 1"
        )
        problem = checking.check(text, SCHEMA).problems[0]
        assert problem.line == 8

    def test_finds_what_is_never_reached_and_gives_an_input(self) -> None:
        text = RULES.replace("scoer >= 700 && ratio < 0.3", "score < 500")
        found = checking.check(text, SCHEMA)
        problem = found.problems[0]
        assert (problem.code, problem.severity, problem.rule) == ("unreachable_rule", "error", "high")
        assert marked(text, problem) == "score < 500"
        assert problem.example is not None
        assert problem.example["score"] < 500
        assert found.is_valid

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "a: [",
            "rules: 5",
            "- x",
            "name: x\nname: y\nrules: []",
            "a: &b 1\nc: *b",
            "\t",
            "name: 2025-13-99",
        ],
    )
    def test_never_raises_for_what_the_text_says(self, text: str) -> None:
        checked = checking.check(text, SCHEMA)
        assert not checked.is_valid
        assert checked.problems
        assert all(problem.line >= 1 and problem.column >= 1 for problem in checked.problems)

    def test_says_which_key_is_unknown(self) -> None:
        text = RULES.replace("    stop: true", "    stops: true")
        problem = checking.check(text, SCHEMA).problems[0]
        assert marked(text, problem) == "stops"

    def test_needs_no_schema_for_the_form(self) -> None:
        assert checking.check(RULES).is_valid
        assert not checking.check(RULES.replace("700 &&", "700 && &&")).is_valid

    @given(
        st.integers(0, len(RULES) - 1), st.sampled_from(["", "\n", ":", "[", "'", '"', "{", "x", "\t", "é"])
    )
    @settings(max_examples=200, deadline=None)
    def test_survives_any_slip_of_the_hand(self, place: int, typed: str) -> None:
        checked = checking.check(RULES[:place] + typed + RULES[place + 1 :], SCHEMA)
        for problem in checked.problems:
            assert (problem.end_line, problem.end_column) > (problem.line, problem.column)


class TestTables:
    TABLE = """name: t
hit_policy: unique
inputs: [score]
outputs: [class]
rows:
  - {when: ["< 500"], then: [reject]}
  - {when: ["[450..600]"], then: [review]}
"""

    def test_show_gaps_and_overlaps_with_an_example(self) -> None:
        found = {problem.code: problem for problem in checking.check(self.TABLE, SCHEMA).problems}
        assert set(found) == {"table_gap", "table_overlap"}
        assert found["table_overlap"].line == 7
        assert found["table_overlap"].example is not None
        assert 450 <= found["table_overlap"].example["score"] < 500
        assert found["table_gap"].example is not None
        assert found["table_gap"].example["score"] > 600

    def test_name_the_row_of_a_wrong_cell(self) -> None:
        checked = checking.check(self.TABLE.replace('"< 500"', '"< abc"'), SCHEMA)
        assert checked.problems[0].line == 6
        assert not checked.is_valid


class TestPositions:
    def test_know_keys_and_values(self) -> None:
        index = positions.index(RULES)
        assert index.of("/rules/0/when") == positions.Span(4, 11, 4, 22)
        assert index.of_key("/rules/0/when") == positions.Span(4, 5, 4, 9)
        assert index.of("/rules/0/nothing/below").line == 3
