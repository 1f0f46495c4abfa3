"""Whatever the text and whatever the data: only the announced problems, and laws that hold for all values."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from policy.rules.cel import (
    CheckProblems,
    Environment,
    EvaluationProblem,
    SyntaxProblem,
    check,
    domains,
    interpret,
    parse,
    types,
    values,
)
from policy.rules.cel.values import Duration, Timestamp, Uint

PIECES = st.sampled_from(
    [
        *("a", "b", "xs", "m", "1", "0", "2u", "1.5", "'t'", "b'y'", "null", "true", "false", "[]", "{}"),
        *("+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||", "!", "?", ":"),
        *("(", ")", "[", "]", "{", "}", ",", ".", ".?", "[?", "has(", ".all(", ".map(", ".size()", "x", "x,"),
        *(
            "cel.bind(",
            "optional.of(",
            "duration('1s')",
            "timestamp(0)",
            "type(",
            ".format(",
            "\n",
            "//",
            "'",
        ),
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.integers(0, 2**64 - 1).map(Uint)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.integers(-(2**62), 2**62).map(Duration)
    | st.integers(0, 2**60).map(Timestamp)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
BINARY = ["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||"]
METHODS = [
    *("size()", "all(x, x)", "exists(x, x > a)", "map(x, x + b)", "filter(x, x == b)", "field", "?field"),
    *(
        "exists_one(x, x)",
        "transformMap(i, v, v)",
        "format([b])",
        "matches(b)",
        "split(b)",
        "join(b)",
        "sort()",
    ),
    *(
        "charAt(b)",
        "substring(b)",
        "replace(b, b)",
        "getHours(b)",
        "getFullYear()",
        "distinct()",
        "flatten()",
    ),
    *("orValue(b)", "hasValue()", "slice(b, b)", "first()", "lastIndexOf(b)", "trim()", "reverse()"),
]
FUNCTIONS = [
    *("int", "uint", "double", "string", "bytes", "bool", "timestamp", "duration", "type", "dyn", "size"),
    *("math.abs", "math.round", "math.sign", "math.bitNot", "math.sqrt", "math.greatest", "lists.range"),
    *("strings.quote", "base64.encode", "base64.decode", "optional.of", "optional.ofNonZeroValue", "has"),
]
EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "b", "1", "2.5", "'x'", "true", "null", "[a, b]", "{'field': a}", "7u", "-1"]),
    lambda inner: (
        st.tuples(inner, st.sampled_from(BINARY), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})")
        | st.tuples(inner, st.sampled_from(METHODS)).map(lambda p: f"({p[0]}).{p[1]}")
        | st.tuples(st.sampled_from(FUNCTIONS), inner).map(lambda p: f"{p[0]}({p[1]})")
        | st.tuples(inner, inner, inner).map(lambda p: f"({p[0]} ? {p[1]} : {p[2]})")
        | st.tuples(inner, inner).map(lambda p: f"({p[0]})[{p[1]}]")
        | st.tuples(inner, inner).map(lambda p: f"({p[0]})[?{p[1]}]")
        | inner.map(lambda p: f"!({p})")
    ),
    max_leaves=8,
)


DOMAINS = st.builds(
    types.Domain,
    values=st.none() | st.lists(st.integers(-5, 5), min_size=1, max_size=3).map(tuple),
    minimum=st.none() | st.integers(-5, 5),
    maximum=st.none() | st.integers(-5, 5),
    is_minimum_exclusive=st.booleans(),
    is_maximum_exclusive=st.booleans(),
)


def allows(domain: types.Domain, value: int) -> bool:
    """Say, in the plainest way, whether a domain has the value."""
    if domain.values is not None:
        return value in domain.values
    low, high = domain.minimum, domain.maximum
    if low is not None and (value < low or (value == low and domain.is_minimum_exclusive)):
        return False
    return high is None or value < high or (value == high and not domain.is_maximum_exclusive)


class TestParse:
    @settings(max_examples=300, deadline=None)
    @given(st.text(max_size=60) | st.lists(PIECES, max_size=20).map(" ".join) | st.lists(PIECES).map("".join))
    @example("\ud800")
    @example("'\\")
    @example(".")
    @example("`")
    def test_raises_nothing_but_a_syntax_problem(self, source: str) -> None:
        try:
            node = parse(source)
        except SyntaxProblem as problem:
            assert problem.line >= 1
            assert problem.column >= 1
        else:
            assert parse(source) == node


class TestInterpret:
    @settings(max_examples=400, deadline=None)
    @given(EXPRESSIONS, VALUES, VALUES)
    def test_raises_nothing_but_an_evaluation_problem(self, source: str, a: Any, b: Any) -> None:
        try:
            node = parse(source)
        except SyntaxProblem:
            return
        try:
            result = interpret(node, {"a": a, "b": b}, cost=100_000)
        except EvaluationProblem:
            return
        assert values.kind(result)

    @settings(max_examples=200, deadline=None)
    @given(EXPRESSIONS, VALUES, VALUES)
    def test_gives_the_same_after_a_check_that_knows_no_types(self, source: str, a: Any, b: Any) -> None:
        bindings = {"a": a, "b": b}
        try:
            node = parse(source)
            checked = check(node, Environment({"a": types.DYN, "b": types.DYN}))
            plain = interpret(node, bindings, cost=100_000)
        except (SyntaxProblem, CheckProblems, EvaluationProblem):
            return
        # A check may turn 1 beside a double into 1.0, which is equal; only a NaN is not equal to itself.
        again = interpret(checked.node, bindings, cost=200_000)
        assert values.equal(plain, again) or repr(plain) == repr(again)


class TestLaws:
    @settings(max_examples=200, deadline=None)
    @given(VALUES, VALUES)
    def test_equality_is_symmetric(self, left: Any, right: Any) -> None:
        assert values.equal(left, right) is values.equal(right, left)

    @settings(max_examples=200, deadline=None)
    @given(SCALARS, SCALARS)
    def test_order_is_antisymmetric_and_agrees_with_equality(self, left: Any, right: Any) -> None:
        try:
            order = values.compare(left, right)
        except EvaluationProblem:
            return
        if order is not None:
            assert values.compare(right, left) == -order
            assert (order == 0) is values.equal(left, right)

    @settings(max_examples=200, deadline=None)
    @given(st.sampled_from(["a && b", "a || b"]), VALUES, VALUES)
    def test_logic_is_commutative_in_values_and_errors(self, source: str, left: Any, right: Any) -> None:
        def outcome(a: Any, b: Any) -> Any:
            try:
                return interpret(parse(source), {"a": a, "b": b})
            except EvaluationProblem:
                return "problem"

        assert outcome(left, right) == outcome(right, left)

    @settings(max_examples=200, deadline=None)
    @given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
    def test_quotient_and_remainder_make_the_dividend(self, a: int, b: int) -> None:
        try:
            assert interpret(parse("a / b * b + a % b == a"), {"a": a, "b": b}) is True
        except EvaluationProblem:
            assert b == 0 or (a, b) == (-(2**63), -1)

    @settings(max_examples=300, deadline=None)
    @given(DOMAINS, st.sampled_from(sorted(domains.MIRRORED)), st.integers(-6, 6))
    def test_a_comparison_said_never_to_hold_never_holds(
        self, domain: types.Domain, sign: str, constant: int
    ) -> None:
        node = parse(f"x {sign} c")
        holds = any(interpret(node, {"x": x, "c": constant}) for x in range(-9, 10) if allows(domain, x))
        assert domains.can_hold(domain, sign, constant) or not holds

    @settings(max_examples=200, deadline=None)
    @given(st.integers(values.TIMESTAMP_MIN, values.TIMESTAMP_MAX).map(Timestamp))
    def test_a_written_timestamp_reads_back_as_itself(self, moment: Timestamp) -> None:
        assert interpret(parse("timestamp(string(t)) == t"), {"t": moment}) is True

    @settings(max_examples=200, deadline=None)
    @given(st.integers(values.INT_MIN, values.INT_MAX).map(Duration))
    def test_a_written_duration_reads_back_as_itself(self, span: Duration) -> None:
        assert interpret(parse("duration(string(d)) == d"), {"d": span}) is True

    @settings(max_examples=200, deadline=None)
    @given(st.text(max_size=20))
    def test_a_quoted_text_reads_back_as_itself(self, text: str) -> None:
        quoted = interpret(parse("strings.quote(t)"), {"t": text})
        assert interpret(parse(quoted), {}) == text
