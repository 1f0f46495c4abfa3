"""The table of functions: how signatures are read, and corners of the functions themselves."""

from __future__ import annotations

import re
from typing import Any

import pytest

from policy.rules.cel import EvaluationProblem, NoSuchOverload, functions, types
from policy.rules.cel.functions import registry, times
from policy.rules.cel.values import NANOS, Duration, Timestamp


def call(name: str, *args: Any) -> Any:
    return functions.call(name, args)


def method(name: str, *args: Any) -> Any:
    return functions.call(name, args, is_method=True)


class TestRegistry:
    def test_reads_the_types_of_a_signature(self) -> None:
        found = registry.parse_type("map<string, list<optional<A>>>")
        inner = types.ListType(types.OptionalType(types.TypeParam("A")))
        assert found == types.MapType(types.STRING, inner)

    @pytest.mark.parametrize("text", ["strng", "list<", "vector<int>"])
    def test_refuses_what_is_no_type(self, text: str) -> None:
        with pytest.raises(ValueError, match="not a type"):
            registry.parse_type(text)

    def test_refuses_what_is_no_signature(self) -> None:
        with pytest.raises(ValueError, match="not a signature"):
            registry.add("size string -> int", len)

    def test_promises_no_type_that_its_arguments_do_not_give(self) -> None:
        for name in set(functions.names()) - {"optional.none"}:
            for entry in (*functions.find(name, is_method=False), *functions.find(name, is_method=True)):
                given = re.findall(r"\b[A-Z]\b", " ".join(map(str, entry.params)))
                assert set(re.findall(r"\b[A-Z]\b", str(entry.result))) <= set(given), name

    def test_keeps_methods_and_functions_apart(self) -> None:
        with pytest.raises(NoSuchOverload, match="unbound function"):
            call("charAt", "abc", 1)
        assert method("charAt", "abc", 1) == "b"


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "nanoseconds"),
        [
            ("1970-01-01T00:00:01Z", NANOS),
            ("1970-01-01T09:00:00+09:00", 0),
            ("1969-12-31T23:59:59.5Z", -NANOS // 2),
            ("1970-01-01T00:00:00.000000001Z", 1),
        ],
    )
    def test_read_an_instant(self, text: str, nanoseconds: int) -> None:
        assert times.parse_timestamp(text) == Timestamp(nanoseconds)

    @pytest.mark.parametrize(
        "text",
        [
            "1970-01-01",
            "1970-01-01 00:00:00Z",
            "1970-13-01T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:60Z",
            "1970-01-01T00:00:00",
            "1970-01-01T00:00:00+25:00",
            "0001-01-01T00:00:00+01:00",
            "٢٠٢٤-01-01T00:00:00Z",
        ],
    )
    def test_refuse_what_is_no_instant(self, text: str) -> None:
        with pytest.raises(EvaluationProblem):
            times.parse_timestamp(text)

    @pytest.mark.parametrize(
        ("text", "nanoseconds"),
        [("0", 0), ("1.5h", 5400 * NANOS), ("-1m1s", -61 * NANOS), ("10us", 10_000), (".5ms", 500_000)],
    )
    def test_read_a_duration(self, text: str, nanoseconds: int) -> None:
        assert times.parse_duration(text) == Duration(nanoseconds)

    @pytest.mark.parametrize(
        "text", ["", "1", "s", "1d", "--1s", "1s ", "99999999999999999999h", "1" * 300 + "s"]
    )
    def test_refuse_what_is_no_duration(self, text: str) -> None:
        with pytest.raises(EvaluationProblem):
            times.parse_duration(text)

    def test_follow_daylight_saving(self) -> None:
        winter = times.parse_timestamp("2024-01-01T12:00:00Z")
        summer = times.parse_timestamp("2024-07-01T12:00:00Z")
        assert method("getHours", winter, "Europe/Berlin") == 13
        assert method("getHours", summer, "Europe/Berlin") == 14

    @pytest.mark.parametrize("zone", ["../../etc/passwd", "Europe", "+9", "+24:00", "a\0b", "x" * 5000])
    def test_refuse_what_is_no_zone(self, zone: str) -> None:
        with pytest.raises(EvaluationProblem, match="not a time zone"):
            method("getHours", Timestamp(0), zone)


class TestStrings:
    @pytest.mark.parametrize(
        "pattern", ["(", "a{2000}", "(?P<x", "x" * 2000, r"(a)\1", "((a{100}){100}){100}"]
    )
    def test_refuse_a_pattern_that_is_none(self, pattern: str) -> None:
        with pytest.raises(EvaluationProblem):
            method("matches", "text", pattern)

    @pytest.mark.parametrize("args", [("a" * 1000, "a", "b" * 2000), ("", "", "b" * 2_000_000)])
    def test_refuse_to_grow_without_bound(self, args: tuple[str, str, str]) -> None:
        with pytest.raises(EvaluationProblem, match="too large"):
            method("replace", *args)

    @pytest.mark.parametrize("template", ["%", "%z", "%.2d", "%.999f", "%s %s"])
    def test_refuse_a_clause_that_is_none(self, template: str) -> None:
        with pytest.raises(EvaluationProblem):
            method("format", template, [1])


class TestConversions:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("int", "1.0"),
            ("int", " 1"),
            ("int", "1_000"),
            ("int", "9223372036854775808"),
            ("int", "١"),
            ("uint", "-1"),
            ("double", "1_0"),
            ("double", "0x1p3"),
            ("bool", "yes"),
            ("int", float("nan")),
            ("uint", float("inf")),
        ],
    )
    def test_refuse_what_does_not_fit(self, name: str, value: Any) -> None:
        with pytest.raises(EvaluationProblem):
            call(name, value)
