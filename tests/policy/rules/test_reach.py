"""What rules reach, and what stands before them; samples that fit the contract."""

from __future__ import annotations

from typing import Any

import jsonschema_rs

from policy.rules import compiling, reach, samples
from policy.rules.rulesets import Action, Rule, Ruleset

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["score"],
    "properties": {"score": {"type": "integer"}, "extra": {"type": "integer"}},
}


class TestMeasure:
    def test_tells_shadowed_from_missed(self) -> None:
        rules = (
            Rule("low", "score < 500", Action("reject"), priority=9, stop=True),
            Rule("lower", "score < 400", Action("reject"), priority=8),
            Rule("extra", "extra > 1", Action("review"), priority=7),
            Rule("high", "score >= 500", Action("approve"), priority=6),
        )
        program = compiling.compile_rulesets([Ruleset("s", rules)], SCHEMA)
        found = reach.measure(program, [{"score": 300}, {"score": 450, "extra": 2}, {"score": 700}])
        by_name = {rule["rule"]: rule for rule in found["rules"]}
        assert (by_name["low"]["hits"], by_name["low"]["misses"]) == (2, 1)
        assert (by_name["lower"]["hits"], by_name["lower"]["shadowed"], by_name["lower"]["shadowed_by"]) == (
            0,
            1,
            "low",
        )
        assert by_name["extra"]["not_evaluated"] == 1
        assert by_name["extra"]["shadowed"] == 1
        assert by_name["high"]["decided"] == 1
        assert (found["rows"], found["never_hit"], found["coverage"]) == (3, ["lower", "extra"], 0.5)

    def test_stops_at_the_bound(self) -> None:
        program = compiling.compile_rulesets(
            [Ruleset("s", (Rule("r", "score > 1", Action("review")),))], SCHEMA
        )
        rows = ({"score": 2} for _ in range(reach.MOST_ROWS + 10))
        assert reach.measure(program, rows)["rows"] == reach.MOST_ROWS


class TestSamples:
    def test_fit_the_contract(self, contract: dict[str, Any]) -> None:
        sample = samples.sample_of(contract["input"])
        assert jsonschema_rs.is_valid(contract["input"], sample)
        assert set(sample) == set(contract["input"]["properties"])

    def test_complete_an_example(self, contract: dict[str, Any]) -> None:
        full = samples.completed({"dti": 2.5}, contract["input"])
        assert full["dti"] == 2.5
        assert jsonschema_rs.is_valid(contract["input"], full)
        assert samples.nested({"a.b": 1, "a.c": 2, "d": 3}) == {"a": {"b": 1, "c": 2}, "d": 3}

    def test_describe_every_field(self, contract: dict[str, Any]) -> None:
        fields = {field["path"]: field for field in samples.fields_of(contract["input"])}
        assert fields["credit_score"]["type"] == "int"
        assert fields["credit_score"]["required"]
        assert "investment" in fields["purpose"]["values"]
