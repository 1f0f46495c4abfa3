"""Compiled conditions and the interpreter agree: random expressions, random inputs, missing fields."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy.rules import compiling, rendering
from policy.rules.cel import ast, parse
from policy.rules.rulesets import Action, Rule, Ruleset

EDGES = [0, 1, -1, 2, 7, 2**31, 2**53 + 1, 2**62, -(2**63), 2**63 - 1]
PROPERTIES: dict[str, Any] = {
    "i": {"type": "integer"},
    "j": {"type": "integer", "minimum": -50, "maximum": 50},
    "k": {"type": "integer"},
    "x": {"type": "number"},
    "y": {"type": "number"},
    "s": {"type": "string"},
    "t": {"type": "string"},
    "b": {"type": "boolean"},
    "c": {"type": "boolean"},
    "l": {"type": "array", "items": {"type": "string"}},
    "n": {"type": ["integer", "null"]},
    "any": {},
    "o": {
        "type": "object",
        "required": ["p"],
        "properties": {"p": {"type": "integer"}, "q": {"type": "string"}, "r": {"type": "number"}},
    },
}
SCHEMA = {"type": "object", "required": ["i", "x", "s", "b"], "properties": PROPERTIES}

integers = st.sampled_from(EDGES) | st.integers(-20, 20)
doubles = st.sampled_from([0.0, -0.0, 0.1, 0.35, 1e308, -1e308, 1e-320, 3.0]) | st.floats(-100, 100)
texts = st.sampled_from(["", "a", "ab", "b", "é", "v1", "M"])


def quoted(value: str) -> str:
    return "'" + value + "'"


def binary(inner: st.SearchStrategy[str], signs: list[str]) -> st.SearchStrategy[str]:
    return st.tuples(inner, st.sampled_from(signs), inner).map(
        lambda part: f"({part[0]} {part[1]} {part[2]})"
    )


int_leaf = st.sampled_from(["i", "j", "k", "o.p", "n", "any"]) | integers.filter(lambda v: v > -(2**63)).map(
    str
)
int_expression = st.recursive(
    int_leaf,
    lambda inner: (
        binary(inner, ["+", "-", "*", "/", "%"])
        | inner.map(lambda part: f"-({part})")
        | st.sampled_from(["size(s)", "t.size()", "size(l)"])
    ),
    max_leaves=4,
)
double_expression = st.recursive(
    st.sampled_from(["x", "y", "o.r", "double(i)", "double(k)"])
    | doubles.map(repr).filter(lambda text: "inf" not in text),
    lambda inner: binary(inner, ["+", "-", "*", "/"]) | inner.map(lambda part: f"-({part})"),
    max_leaves=4,
)
text_expression = st.recursive(
    st.sampled_from(["s", "t", "o.q"]) | texts.map(quoted), lambda inner: binary(inner, ["+"]), max_leaves=3
)
RELATIONS = ["<", "<=", ">", ">=", "==", "!="]
leaf = (
    binary(int_expression, RELATIONS)
    | binary(double_expression, RELATIONS)
    | binary(text_expression, RELATIONS)
    | st.tuples(double_expression, st.sampled_from(RELATIONS), st.sampled_from(["1", "0", "3"])).map(" ".join)
    | st.sampled_from(
        ["b", "c", "true", "false", "b == c", "has(o.q)", "has(o.p)", "has(input.k)", "n == null"]
    )
    | st.sampled_from(
        ["l.exists(e, e == s)", "l.all(e, size(e) > i)", "s.matches('a+')", "any == 1", "any == s"]
    )
    | st.tuples(text_expression, st.sampled_from(["in l", "in ['a', 'b']", "in ['']"])).map(" ".join)
    | st.tuples(int_expression, st.sampled_from(["in [1, 2, 3]", "in [0]"])).map(" ".join)
    | st.tuples(
        text_expression, st.sampled_from(["startsWith", "endsWith", "contains"]), text_expression
    ).map(lambda part: f"({part[0]}).{part[1]}({part[2]})")
)
condition = st.recursive(
    leaf,
    lambda inner: (
        binary(inner, ["&&", "||"])
        | inner.map(lambda part: f"!({part})")
        | st.tuples(inner, inner, inner).map(lambda part: f"(({part[0]}) ? ({part[1]}) : ({part[2]}))")
    ),
    max_leaves=6,
)
inputs = st.fixed_dictionaries(
    {"i": integers, "x": doubles | st.integers(-5, 5), "s": texts, "b": st.booleans()},
    optional={
        "j": st.integers(-50, 50),
        "k": integers,
        "y": doubles | st.integers(-5, 5),
        "t": texts,
        "c": st.booleans(),
        "l": st.lists(texts, max_size=3),
        "n": integers | st.none(),
        "any": integers | texts | st.none() | st.booleans(),
        "o": st.fixed_dictionaries({"p": integers}, optional={"q": texts, "r": doubles}),
    },
)


def ruleset(*whens: str, stop: bool = False) -> Ruleset:
    action = Action("approve", ("r",))
    return Ruleset("g", tuple(Rule(f"r{n}", when, action, stop=stop) for n, when in enumerate(whens)))


class TestAgreement:
    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
    @given(whens=st.lists(condition, min_size=1, max_size=3), data=st.lists(inputs, min_size=1, max_size=4))
    def test_of_compiled_code_and_interpreter(self, whens: list[str], data: list[dict[str, Any]]) -> None:
        sets = [ruleset(*whens, stop=len(whens) == 2), ruleset(*whens[:1])]
        try:
            program = compiling.compile_rulesets(sets, SCHEMA)
        except compiling.RuleInvalid:
            return
        for row in data:
            assert program.decide(row) == program.reference(row), program.source["decide"]
            traced, expected = program.explain(row), program.reference_traced(row)
            assert repr(traced) == repr(expected), program.source["explain"]

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(when=condition)
    def test_of_an_expression_and_its_rendering(self, when: str) -> None:
        node = parse(when)
        assert grouped(parse(rendering.text(node))) == grouped(node)


def grouped(value: Any) -> Any:
    """Return a tree in which chains of one logical operator are flat: how they nest means nothing."""
    if isinstance(value, ast.Call) and value.function in {"_&&_", "_||_"}:
        flat: list[Any] = []
        for part in value.args:
            inner = grouped(part)
            same = isinstance(inner, tuple) and inner[0] == value.function
            flat += inner[1] if same else [inner]
        return (value.function, flat)
    if isinstance(value, tuple):
        return ("items", [grouped(item) for item in value])
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = {f.name: grouped(getattr(value, f.name)) for f in dataclasses.fields(value) if f.name != "pos"}
        return (type(value).__name__, kept)
    return value


class TestGeneratedCode:
    def test_survives_deep_and_wide_conditions(self) -> None:
        wide = " || ".join(f"i == {n}" for n in range(300))
        choice = "i > 9"
        for n in range(14):
            choice = f"({choice} ? k > {n} : j > {n})"
        program = compiling.compile_rulesets([ruleset(wide, choice)], SCHEMA)
        for row in ({"i": 299, "x": 1, "s": "", "b": True}, {"i": 300, "x": 1, "s": "", "b": True, "k": 3}):
            assert program.decide(row) == program.reference(row)

    def test_holds_no_text_of_a_rule(self) -> None:
        program = compiling.compile_rulesets([ruleset('s == "\'); import os #"')], SCHEMA)
        assert program.decide({"i": 0, "x": 0, "s": "'); import os #", "b": True}).applied
        assert program.decide.__globals__["__builtins__"] == {}

    def test_remembers_a_bounded_number_of_outcomes(self) -> None:
        program = compiling.compile_rulesets([ruleset(*(f"i % {n} == 0" for n in range(2, 16)))], SCHEMA)
        for number in range(20_000):
            program.decide({"i": number, "x": 0, "s": "", "b": True})
        assert len(program.remembered) <= compiling.programs.REMEMBERED
