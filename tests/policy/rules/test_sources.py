"""A decision table decides as the rules that it stands for, and as the table program itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.rules import compiling, conditions, documents, grids, sources, tables
from policy.rules.compiling.tables import compile_table

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["score", "ratio", "verified", "region"],
    "properties": {
        "score": {"type": "integer", "minimum": 0, "maximum": 1000},
        "ratio": {"type": "number", "minimum": 0, "maximum": 5},
        "verified": {"type": "boolean"},
        "region": {"type": "string"},
    },
}
TABLE = """
name: pricing
hit_policy: first
inputs: [score, ratio, verified, region]
outputs: [class, reasons, confidence]
rows:
  - {name: low, when: ["< 550", "-", "-", "-"], then: [reject, low_score, 0.9]}
  - {name: far, when: [">= 700", "(0.6..5]", "-", "-"], then: [review, "high_ratio, far", 0.7]}
  - {name: capital, when: ["[600..700)", "-", "true", '"SEO", "ICN"'], then: [approve, good_region, 0.8]}
  - {name: rest, when: ["-", "-", "not(true)", "-"], then: [review, unverified, 0.5]}
"""


class TestKind:
    def test_is_told_from_unfinished_text(self) -> None:
        assert sources.kind_of("hit_policy: first\nrows: [") == "table"
        assert sources.kind_of("name: x\nrules:\n  - na") == "rules"
        assert sources.kind_of("") == "rules"


class TestExpand:
    def test_writes_each_row_as_a_condition(self) -> None:
        ruleset = sources.read(TABLE).ruleset
        assert [rule.when for rule in ruleset.ordered()] == [
            "score < 550",
            "score >= 700 && ratio > 0.6 && ratio <= 5",
            'score >= 600 && score < 700 && verified && region in ["SEO", "ICN"]',
            "!(verified)",
        ]
        assert ruleset.rules[1].action.reasons == ("high_ratio", "far")
        assert all(rule.stop for rule in ruleset.rules)

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            (("outputs: [class", "outputs: [kind"), "/outputs"),
            (("then: [reject", "then: [refuse"), "/rows/0/then/0"),
            (("low_score, 0.9", "low_score, 9"), "/rows/0/then/2"),
            (("low_score, 0.9", "7, 0.9"), "/rows/0/then/1"),
        ],
    )
    def test_refuses_what_no_action_can_say(self, change: tuple[str, str], named: str) -> None:
        with pytest.raises(documents.DocumentInvalid) as refused:
            sources.read(TABLE.replace(*change))
        assert any(item.pointer.startswith(named) for item in refused.value.complaints)

    @given(
        st.integers(0, 1000),
        st.floats(0, 5, allow_nan=False),
        st.booleans(),
        st.sampled_from(["SEO", "ICN", "x"]),
    )
    @settings(max_examples=150, deadline=None)
    def test_decides_as_the_table_does(self, score: int, ratio: float, verified: bool, region: str) -> None:
        source = sources.read(TABLE)
        assert source.table is not None
        data = {"score": score, "ratio": ratio, "verified": verified, "region": region}
        outcome = compiling.compile_rulesets([source.ruleset], SCHEMA).decide(data)
        told = compile_table(source.table, SCHEMA).decide(data)
        if told.result is None:
            assert outcome.reasons == ("no_rule_matched",)
        else:
            assert (outcome.decision_class, outcome.confidence) == (
                told.result["class"],
                told.result["confidence"],
            )
            assert [item.rule.name for item in outcome.applied] == list(told.rows)

    @pytest.mark.parametrize("policy", tables.HIT_POLICIES)
    def test_takes_every_hit_policy(self, policy: str) -> None:
        source = sources.read(TABLE.replace("first", policy))
        scope = conditions.Scope(SCHEMA)
        assert len(conditions.prepare(source.ruleset, scope)) == 4
        assert {rule.stop for rule in source.ruleset.rules} == {policy in ("first", "priority")}


class TestGrids:
    def test_write_a_table_that_reads_as_the_same(self) -> None:
        table = grids.of_text(TABLE)
        text = grids.text_of(table)
        assert grids.of_text(text).digest() == table.digest()
        assert grids.of_data(tables.as_data(table)).digest() == table.digest()
        assert len(text.splitlines()) == 5 + len(table.inputs) + len(table.rows)

    def test_read_cells_as_a_spreadsheet_copies_them(self) -> None:
        cells = "name\tscore\tout: class\tout: reasons\nlow\t< 550\treject\tlow_score\nrest\t\treview\t\n"
        table = grids.of_cells(cells, name="pasted", hit_policy="first")
        assert [row.cells for row in table.rows] == [("< 550",), ("-",)]
        assert sources.expand(table).rules[0].when == "score < 550"
        assert grids.of_cells(cells.replace("\t", ","), name="pasted", hit_policy="first") == table

    def test_refuse_a_list_of_rules(self) -> None:
        with pytest.raises(documents.DocumentInvalid):
            grids.of_text("name: x\nrules: []\n")
