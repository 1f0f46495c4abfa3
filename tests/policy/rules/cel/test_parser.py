"""Text to tree: precedence, macros, positions, and what is refused."""

from __future__ import annotations

import time

import pytest

from policy.rules.cel import Limits, SyntaxProblem, ast, parse
from policy.rules.cel.ast import Call, Ident, Literal, Macro, Select


def refusal(source: str) -> SyntaxProblem:
    with pytest.raises(SyntaxProblem) as caught:
        parse(source)
    return caught.value


class TestPrecedence:
    @pytest.mark.parametrize(
        ("source", "same_as"),
        [
            ("1 + 2 * 3", "1 + (2 * 3)"),
            ("1 - 2 - 3", "(1 - 2) - 3"),
            ("a || b && c", "a || (b && c)"),
            ("a && b == c", "a && (b == c)"),
            ("a < b + c", "a < (b + c)"),
            ("!a.b", "!(a.b)"),
            ("-a * b", "(-a) * b"),
            ("a ? b : c ? d : e", "a ? b : (c ? d : e)"),
            ("x in y == z", "(x in y) == z"),
            ("a || b ? c : d", "(a || b) ? c : d"),
            ("a[0].b(c)[1]", "((a[0]).b(c))[1]"),
            ("a // to the end of the line\n + b", "a + b"),
        ],
    )
    def test_binds_as_parentheses_show(self, source: str, same_as: str) -> None:
        assert parse(source) == parse(same_as)

    def test_makes_a_negative_literal_of_a_minus_before_a_number(self) -> None:
        assert parse("-9223372036854775808") == Literal(-(2**63), "int")

    def test_makes_a_long_chain_of_conditions_a_shallow_tree(self) -> None:
        node = parse(" || ".join(f"x == {number}" for number in range(500)))
        assert ast.depth(node) < 15


class TestMacros:
    def test_turns_has_into_a_tested_selection(self) -> None:
        assert parse("has(a.b)") == Select(Ident("a"), "b", test=True)

    def test_keeps_filter_and_body_of_a_map_in_three_parts(self) -> None:
        node = parse("xs.map(x, x > 0, x * 2)")
        assert isinstance(node, Macro)
        assert (node.kind, node.variables, len(node.args)) == ("map", ("x",), 2)

    def test_reads_two_variables(self) -> None:
        node = parse("xs.all(i, v, v > i)")
        assert isinstance(node, Macro)
        assert node.variables == ("i", "v")

    def test_binds_the_value_as_target(self) -> None:
        node = parse("cel.bind(x, 1, x + x)")
        assert isinstance(node, Macro)
        assert (node.kind, node.target, node.variables) == ("bind", Literal(1, "int"), ("x",))

    def test_leaves_a_method_with_another_number_of_arguments_alone(self) -> None:
        assert parse("a.map(b)") == Call("map", (Ident("b"),), Ident("a"))

    @pytest.mark.parametrize("source", ["has(a)", "has(a.b())", "xs.all(x.y, true)", "xs.all(x, x, true)"])
    def test_refuses_what_is_no_variable_or_field(self, source: str) -> None:
        refusal(source)


class TestLiterals:
    @pytest.mark.parametrize(
        ("source", "value", "kind"),
        [
            ("0x1F", 31, "int"),
            ("7u", 7, "uint"),
            ("1e3", 1000.0, "double"),
            (".5", 0.5, "double"),
            (r"'a\tb'", "a\tb", "string"),
            (r"r'a\tb'", r"a\tb", "string"),
            ('"""two\nlines"""', "two\nlines", "string"),
            (r"'\u00e9\x41\101'", "éAA", "string"),
            (r"b'\xff'", b"\xff", "bytes"),
            ("b'é'", "é".encode(), "bytes"),
            ("null", None, "null"),
            ("true", True, "bool"),
        ],
    )
    def test_have_their_value_and_kind(self, source: str, value: object, kind: str) -> None:
        node = parse(source)
        assert isinstance(node, Literal)
        assert (node.value, node.kind) == (value, kind)

    @pytest.mark.parametrize(
        "source",
        [
            "9223372036854775808",
            "18446744073709551616u",
            "1e999",
            "9" * 5000,
            r"'\q'",
            r"'\ud800'",
            r"'\U00110000'",
            r"b'\u00e9'",
            "'not closed",
            "'two\nlines'",
            "'\ud800'",
        ],
    )
    def test_are_refused_when_they_mean_nothing(self, source: str) -> None:
        refusal(source)


class TestPlaces:
    @pytest.mark.parametrize(
        ("source", "line", "column"),
        [
            ("", 1, 1),
            ("a +", 1, 4),
            ("a +\n  * b", 2, 3),
            ("a b", 1, 3),
            ("f(a, ", 1, 6),
            ("a == #", 1, 6),
            ("x\n&& 'open", 2, 4),
            ("while", 1, 1),
        ],
    )
    def test_are_the_line_and_column_of_the_mistake(self, source: str, line: int, column: int) -> None:
        problem = refusal(source)
        assert (problem.line, problem.column) == (line, column)

    def test_of_an_operator_is_its_sign(self) -> None:
        assert parse("abc >= 1").pos == 4


class TestLimits:
    @pytest.mark.parametrize(
        "source",
        [
            "(" * 5_000,
            "[" * 5_000,
            "{1:" * 3_000,
            "f(" * 5_000,
            "a." * 5_000 + "a",
            "!" * 5_000 + "a",
            "-" * 5_000 + "1",
            "a ? " * 3_000,
            "a ? b : " * 2_000 + "c",
            "1 + " * 4_000 + "1",
            "a[" * 5_000,
            "x.all(x, " * 2_000,
            "a" * 1_000_000,
            "1" * 1_000_000,
            "'" + "\\" * 1_000_000,
        ],
    )
    def test_refuse_a_hostile_text_quickly(self, source: str) -> None:
        started = time.perf_counter()
        refusal(source)
        assert time.perf_counter() - started < 2

    def test_allow_thirty_levels_of_parentheses(self) -> None:
        assert parse("(" * 30 + "1" + ")" * 30) == Literal(1, "int")

    def test_can_be_set_by_the_caller(self) -> None:
        with pytest.raises(SyntaxProblem, match="more than 5 parts"):
            parse("a + b + c + d", limits=Limits(nodes=5))
