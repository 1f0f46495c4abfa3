"""Values, errors and costs of evaluation."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from policy.rules.cel import (
    CostExceeded,
    EvaluationProblem,
    MissingValue,
    NoSuchOverload,
    interpret,
    parse,
    values,
)
from policy.rules.cel.values import Duration, Timestamp, Uint


def evaluate(source: str, **bindings: Any) -> Any:
    return interpret(parse(source), bindings)


def nested(step: str, start: str, times: int) -> str:
    """Return an expression that binds a value built from itself, again and again."""
    source = f"v{times}"
    for number in range(times, 0, -1):
        source = f"cel.bind(v{number}, {step.format(f'v{number - 1}')}, {source})"
    return f"cel.bind(v0, {start}, {source})"


class TestArithmetic:
    @pytest.mark.parametrize(
        "source",
        [
            "9223372036854775807 + 1",
            "-9223372036854775808 - 1",
            "9223372036854775807 * 2",
            "-(-9223372036854775808)",
            "-9223372036854775808 / -1",
            "0u - 1u",
            "18446744073709551615u + 1u",
            "1 / 0",
            "1 % 0",
            "int(1e19)",
            "uint(-1)",
            "math.abs(-9223372036854775808)",
        ],
    )
    def test_refuses_what_64_bits_cannot_hold(self, source: str) -> None:
        with pytest.raises(EvaluationProblem):
            evaluate(source)

    @pytest.mark.parametrize(
        ("source", "value"),
        [("-7 / 2", -3), ("-7 % 2", -1), ("7 % -2", 1), ("7.0 / 2.0", 3.5), ("2u * 3u", Uint(6))],
    )
    def test_divides_towards_zero(self, source: str, value: Any) -> None:
        assert evaluate(source) == value

    def test_divides_a_double_by_zero_as_ieee_754_does(self) -> None:
        assert evaluate("1.0 / 0.0") == math.inf
        assert evaluate("-1.0 / 0.0") == -math.inf
        assert math.isnan(evaluate("0.0 / 0.0"))

    @pytest.mark.parametrize(
        "source", ["1 + 1.0", "1 + 1u", "'a' + 1", "true + true", "1 < 'a'", "null < null"]
    )
    def test_mixes_no_types(self, source: str) -> None:
        with pytest.raises(NoSuchOverload):
            evaluate(source)


class TestEquality:
    @pytest.mark.parametrize(
        ("left", "right", "expected"),
        [
            (1, 1.0, True),
            (1, Uint(1), True),
            (1, True, False),
            (0, False, False),
            ("1", 1, False),
            (None, False, False),
            (math.nan, math.nan, False),
            ([1, [2]], [1.0, [Uint(2)]], True),
            ([True], [1], False),
            ({"a": 1}, {"a": 1.0}, True),
            ({"a": True}, {"a": 1}, False),
            (2**53 + 1, float(2**53), False),
            (b"a", "a", False),
            (Duration(1), Duration(1), True),
            (Duration(1), Timestamp(1), False),
        ],
    )
    def test_crosses_the_types_of_numbers_only(self, left: Any, right: Any, expected: bool) -> None:
        assert values.equal(left, right) is expected
        assert values.equal(right, left) is expected

    def test_keeps_true_and_one_apart_as_keys(self) -> None:
        assert evaluate("{true: 'yes', 1: 'one'}[true] + {true: 'yes', 1: 'one'}[1]") == "yesone"

    def test_takes_one_and_one_unsigned_for_the_same_key(self) -> None:
        with pytest.raises(EvaluationProblem, match="repeated key"):
            evaluate("{1: 'a', 1u: 'b'}")


class TestErrors:
    @pytest.mark.parametrize(
        ("source", "value"),
        [
            ("false && 1 / 0 > 0", False),
            ("1 / 0 > 0 && false", False),
            ("true || 1 / 0 > 0", True),
            ("1 / 0 > 0 || true", True),
            ("'text' || true", True),
            ("missing.field && false", False),
            ("[0, 2].exists(x, 4 / x == 2)", True),
            ("[2, 0].all(x, 4 / x == 7)", False),
            ("true ? 1 : 1 / 0", 1),
        ],
    )
    def test_are_absorbed_by_the_side_that_decides(self, source: str, value: Any) -> None:
        assert evaluate(source) == value

    @pytest.mark.parametrize(
        "source",
        [
            "true && 1 / 0 > 0",
            "1 / 0 > 0 || false",
            "1 / 0 > 0 ? true : true",
            "[0, 2].exists(x, 4 / x == 9)",
            "[2, 0].exists_one(x, 4 / x == 2)",
            "[0].map(x, 1 / x)",
            "'a' && true",
            "nothing(1)",
            "1.nothing()",
            "[1][1]",
            "{'a': 1}['b']",
            "Some.Type{a: 1}",
            "'a'.matches('(')",
            "timestamp('yesterday')",
            "timestamp('2024-01-01T00:00:00Z').getHours('Mars/Base')",
            "timestamp('0001-01-01T00:00:00Z').getHours('-09:00')",
        ],
    )
    def test_otherwise_end_the_evaluation(self, source: str) -> None:
        with pytest.raises(EvaluationProblem):
            evaluate(source)

    @pytest.mark.parametrize(
        ("source", "path"), [("score > 1", "score"), ("applicant.age > 1", "applicant.age")]
    )
    def test_name_the_value_that_is_missing(self, source: str, path: str) -> None:
        with pytest.raises(MissingValue) as caught:
            evaluate(source, applicant={})
        assert caught.value.path == path


class TestCost:
    @pytest.mark.parametrize(
        "source",
        [
            "xs.all(a, xs.all(b, xs.all(c, xs.all(d, true))))",
            nested("[{0}, {0}, {0}, {0}]", "[1, 2, 3, 4]", 20),
            "lists.range(100000).map(x, lists.range(100000).size())",
            "lists.range(5000).distinct().size() > 0",
        ],
    )
    def test_stops_what_asks_for_too_much(self, source: str) -> None:
        started = time.perf_counter()
        with pytest.raises(CostExceeded):
            evaluate(source, xs=list(range(100)))
        assert time.perf_counter() - started < 20

    def test_stops_a_text_that_doubles_at_every_step(self) -> None:
        with pytest.raises(EvaluationProblem):
            evaluate(nested("{0} + {0}", "'0123456789'", 35))

    def test_is_not_absorbed_by_a_decided_side(self) -> None:
        with pytest.raises(CostExceeded):
            evaluate("xs.all(a, xs.all(b, xs.all(c, true))) || true", xs=list(range(200)))

    def test_can_be_set_by_the_caller(self) -> None:
        node = parse("[1, 2, 3].map(x, x + 1)")
        assert interpret(node, {}) == [2, 3, 4]
        with pytest.raises(CostExceeded):
            interpret(node, {}, cost=10)

    def test_does_not_walk_a_list_that_it_need_not(self) -> None:
        started = time.perf_counter()
        assert evaluate("xs.all(x, xs.exists(y, true))", xs=[1] * 50_000) is True
        assert time.perf_counter() - started < 10

    def test_takes_linear_time_for_a_pattern_that_ruins_others(self) -> None:
        started = time.perf_counter()
        assert evaluate("text.matches('^(a+)+$')", text="a" * 50_000 + "b") is False
        assert time.perf_counter() - started < 5


class TestOwnTable:
    """A small table of our own beside the public one, so that the language is tested wherever it is built."""

    @pytest.mark.parametrize(
        ("source", "value"),
        [
            ("'Seoul'.lowerAscii() + '!'", "seoul!"),
            ("'a,b,,c'.split(',')", ["a", "b", "", "c"]),
            ("'abc'.split('', 2)", ["a", "bc"]),
            ("['x', 'y'].join('+')", "x+y"),
            ("'banana'.replace('a', 'o', 2)", "bonona"),
            ("'한국어'.substring(1, 2)", "국"),
            ("'가나다'.size()", 3),
            ("size(bytes('가'))", 3),
            ("'abcabc'.lastIndexOf('c')", 5),
            ("'%s is %.2f of %d'.format(['dti', 0.456, 3])", "dti is 0.46 of 3"),
            ("'%x'.format([255])", "ff"),
            ("strings.quote('a\"b')", '"a\\"b"'),
            ("base64.decode(base64.encode(b'xyz')) == b'xyz'", True),
            ("math.round(2.5)", 3.0),
            ("math.round(-2.5)", -3.0),
            ("math.greatest([1, 7, 3])", 7),
            ("math.least(2, 1.5)", 1.5),
            ("math.bitShiftRight(-1, 63)", 1),
            ("string(duration('90m'))", "5400s"),
            ("duration('1h30m').getMinutes()", 90),
            ("string(timestamp('2024-02-29T12:00:00+09:00'))", "2024-02-29T03:00:00Z"),
            (
                "timestamp('2024-03-01T00:00:00Z') - timestamp('2024-02-28T00:00:00Z') == duration('48h')",
                True,
            ),
            ("timestamp('2024-12-31T20:00:00Z').getFullYear('Asia/Seoul')", 2025),
            ("timestamp('2024-01-07T00:00:00Z').getDayOfWeek()", 0),
            ("int('42') + int(2.9)", 44),
            ("string(1.0) + string(true)", "1true"),
            ("type(1u) == uint", True),
            ("{'a': 1, 'b': 2}.filter(k, k != 'a')", ["b"]),
            ("[3, 1, 2].sort()", [1, 2, 3]),
            ("[1, 1.0, 2].distinct()", [1, 2]),
            ("[[1], [2, 3]].flatten()", [1, 2, 3]),
            ("[1, 2, 3, 4].slice(1, 3)", [2, 3]),
            ("[1, 2].last().value()", 2),
            ("sets.contains([1, 2, 3], [2, 3.0])", True),
            ("sets.equivalent([1, 2], [2, 1, 1])", True),
            ("sets.intersects([1], [2])", False),
            ("[10, 20].transformMap(i, v, v + i)", {0: 10, 1: 21}),
            ("[1, 2].transformMapEntry(i, v, {v: i})", {1: 0, 2: 1}),
            ("{'a': {'b': 1}}.?a.?b.orValue(0)", 1),
            ("{}.?a.?b.orValue(0)", 0),
            ("[1, ?optional.none(), ?optional.of(3)]", [1, 3]),
            ("cel.block([1, cel.index(0) + 1], cel.index(1) * 10)", 20),
            ("b'a' < b'b' && false < true", True),
            ("1 < 1.5 && 2u > 1 && 1u == 1", True),
            ("'a' in {'a': null}", True),
            ("[1, 2, 3].exists_one(x, x > 2)", True),
        ],
    )
    def test_has_its_value(self, source: str, value: Any) -> None:
        assert values.equal(evaluate(source), value)
