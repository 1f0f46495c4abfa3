"""Decision tables: cells, forms, hit policies, missing values, and the index against the scan."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.rules import cells, conditions, documents, tables
from policy.rules.compiling.tables import compile_table

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["score", "region"],
    "properties": {
        "score": {"type": "integer", "minimum": 0, "maximum": 1000},
        "ratio": {"type": "number"},
        "region": {"type": "string"},
        "verified": {"type": "boolean"},
    },
}
YAML = """
name: pricing
hit_policy: first
inputs: [score, {name: ratio, expression: ratio * 2.0}, region]
outputs: [class, rate]
rows:
  - {when: ["< 550", "-", "-"], then: [reject, 0]}
  - {when: ["[550..700)", "<= 1", 'not("BSN")'], then: [approve, 7.5]}
  - {when: [">= 700", null, '"SEO", "BSN"'], then: [approve, 5]}
"""
CSV = '''score,ratio * 2.0,region,out: class,out: rate
< 550,-,-,reject,0
[550..700),<= 1,"not(""BSN"")",approve,7.5
>= 700,,"""SEO"", ""BSN""",approve,5
'''


def table(hit_policy: str, *rows: tuple[list[Any], list[Any]], **more: Any) -> tables.Table:
    inputs = tuple(tables.TableInput(name, name) for name in ("score", "ratio", "region", "verified"))
    built = tuple(
        tables.TableRow(
            f"r{n}", tuple(map(cells.parse, when)), tuple(then), priority=more.get("priorities", {}).get(n, 0)
        )
        for n, (when, then) in enumerate(rows)
    )
    return tables.Table("t", hit_policy, inputs, ("out",), built)


def decide(given_table: tables.Table, data: dict[str, Any]) -> Any:
    program = compile_table(given_table, SCHEMA)
    outcome = program.decide(data)
    assert outcome == program.scan(data) == program.reference(data)
    return outcome


class TestCells:
    @pytest.mark.parametrize(
        ("cell", "inside", "outside"),
        [
            ("< 5", [4, 4.9], [5, 6]),
            (">= -2.5", [-2.5, 0], [-3]),
            ("= 5", [5, 5.0], [4]),
            (7, [7], [8]),
            ("!= 5", [4], [5]),
            ("[1..5)", [1, 4.99], [0, 5]),
            ("(1..5]", [5], [1]),
            ("]1..5[", [3], [1, 5]),
            ("< 2, > 8, [4..5]", [1, 9, 4], [3, 8]),
            ('"a", "b"', ["a", "b"], ["c"]),
            ('not("a", "b")', ["c"], ["a"]),
            ("not([1..5))", [5], [1]),
            ("true", [True], [False]),
            (False, [False], [True]),
            ("-", [1, "x"], []),
            (None, [1], []),
            (r'"say \"hi\" \\"', ['say "hi" \\'], ["say"]),
        ],
    )
    def test_accept_and_refuse_values(self, cell: Any, inside: list[Any], outside: list[Any]) -> None:
        test = cells.parse(cell)
        assert all(cells.holds(test, value) for value in inside)
        assert not any(cells.holds(test, value) for value in outside)

    @pytest.mark.parametrize(
        "cell",
        [
            "abc",
            "<",
            "[5..1]",
            "(1..1)",
            "[1..",
            "not 5",
            "5 6",
            "< true",
            '< "a"',
            '["a".."b"]',
            "1e999",
            ["x"],
        ],
    )
    def test_refuse_what_is_no_test(self, cell: Any) -> None:
        with pytest.raises(cells.CellInvalid):
            cells.parse(cell)


class TestForms:
    def test_read_as_equal_tables(self) -> None:
        from_yaml = tables.loads(YAML)
        from_csv = tables.loads_csv(CSV, name="pricing", hit_policy="first")
        book = openpyxl.Workbook()
        book.active.append(["score", "ratio * 2.0", "region", "out: class", "out: rate"])
        for row in from_yaml.rows:
            book.active.append([*row.cells, *row.values])
        stream = io.BytesIO()
        book.save(stream)
        from_xlsx = tables.loads_xlsx(stream.getvalue(), name="pricing", hit_policy="first")
        assert from_yaml.rows == from_csv.rows == from_xlsx.rows
        assert from_csv == from_xlsx
        assert tables.loads(tables.dumps(from_yaml)) == from_yaml

    def test_name_row_and_column_of_a_wrong_cell(self) -> None:
        with pytest.raises(documents.DocumentInvalid, match=r"row 2, column 1 \(score\)"):
            tables.loads(YAML.replace("[550..700)", "[700..550)"))
        with pytest.raises(documents.DocumentInvalid, match=r"row 3, column A \(score\)"):
            tables.loads_csv(CSV.replace("[550..700)", "abc"), name="pricing")
        with pytest.raises(documents.DocumentInvalid, match="list of 3 cells"):
            tables.loads(YAML.replace('["< 550", "-", "-"]', '["< 550"]'))

    def test_refuse_formulas_and_rubbish(self) -> None:
        book = openpyxl.Workbook()
        book.active.append(["score", "out: class"])
        book.active.append(["< 5", "=1+1"])
        stream = io.BytesIO()
        book.save(stream)
        with pytest.raises(documents.DocumentInvalid, match="row 2, column B: formulas"):
            tables.loads_xlsx(stream.getvalue(), name="t")
        with pytest.raises(documents.DocumentInvalid):
            tables.loads_xlsx(b"PK nothing", name="t")
        with pytest.raises(documents.DocumentInvalid):
            tables.loads_csv("a,b\n1,2\n", name="t")

    def test_a_cell_of_another_type_than_its_column_is_refused(self) -> None:
        with pytest.raises(conditions.RuleInvalid, match=r"row 1, column 3 \(region\): 5 is no string"):
            decide(table("first", (["-", "-", "< 5", "-"], [1])), {})


class TestHitPolicies:
    ROWS = [
        (["< 10", "-", "-", "-"], ["a"]),
        (["< 20", "-", "-", "-"], ["b"]),
        (["< 20", "-", "-", "-"], ["b"]),
    ]

    @pytest.mark.parametrize(
        ("hit_policy", "score", "result", "problem"),
        [
            ("first", 5, {"out": "a"}, None),
            ("first", 15, {"out": "b"}, None),
            ("first", 25, None, None),
            ("unique", 5, None, "several_rows_match"),
            ("any", 5, None, "rows_disagree"),
            ("any", 15, {"out": "b"}, None),
            ("collect", 5, [{"out": "a"}, {"out": "b"}, {"out": "b"}], None),
            ("collect", 25, [], None),
            ("priority", 5, {"out": "b"}, None),
        ],
    )
    def test_decide_what_several_rows_mean(
        self, hit_policy: str, score: int, result: Any, problem: str | None
    ) -> None:
        outcome = decide(table(hit_policy, *self.ROWS, priorities={1: 5}), {"score": score, "region": "x"})
        assert (outcome.result, outcome.problem) == (result, problem)


class TestMissingValues:
    def test_pass_only_where_anything_does(self) -> None:
        rows = [(["-", "-", "-", "-"], [1]), (["-", "< 1", "-", "-"], [2])]
        assert decide(table("first", *rows), {"score": 1, "region": "x"}).result == {"out": 1}

    def test_are_a_problem_where_they_could_change_the_answer(self) -> None:
        rows = [(["-", "< 1", "-", "-"], [2]), (["-", "-", "-", "-"], [1])]
        outcome = decide(table("first", *rows), {"score": 1, "region": "x"})
        assert (outcome.result, outcome.problem, outcome.missing[0]) == (
            None,
            "missing_data",
            "missing: ratio",
        )

    def test_do_not_matter_in_rows_that_fail_anyway(self) -> None:
        rows = [(["> 5", "< 1", "-", "-"], [2]), (["-", "-", "-", "-"], [1])]
        assert decide(table("first", *rows), {"score": 1, "region": "x"}).result == {"out": 1}


number_cells = st.one_of(
    st.just("-"),
    st.tuples(st.sampled_from(["<", "<=", ">", ">=", "=", "!="]), st.integers(-3, 6)).map(
        lambda p: f"{p[0]} {p[1]}"
    ),
    st.tuples(st.sampled_from("[("), st.integers(-3, 1), st.integers(2, 6), st.sampled_from("])")).map(
        lambda p: f"{p[0]}{p[1]}..{p[2]}{p[3]}"
    ),
    st.sampled_from(["not(1, 3)", "< 0, > 4", "0.5", "not([1..2])"]),
)
text_cells = st.sampled_from(["-", '"a"', '"a", "b"', 'not("a")', '!= "b"'])
bool_cells = st.sampled_from(["-", "true", "false", "not(true)"])
rows_strategy = st.lists(
    st.tuples(
        st.tuples(number_cells, number_cells, text_cells, bool_cells).map(list),
        st.tuples(st.integers(0, 2)).map(list),
    ),
    min_size=1,
    max_size=12,
)
data_strategy = st.fixed_dictionaries(
    {"score": st.integers(-4, 7), "region": st.sampled_from(["a", "b", "c", ""])},
    optional={"ratio": st.sampled_from([-3, 0, 0.5, 1.0, 2, 2.5, 6, 7.0]), "verified": st.booleans()},
)


class TestIndex:
    @settings(max_examples=300, deadline=None)
    @given(
        rows=rows_strategy,
        hit_policy=st.sampled_from(tables.HIT_POLICIES),
        data=st.lists(data_strategy, max_size=5),
    )
    def test_agrees_with_scan_and_reference(
        self, rows: Any, hit_policy: str, data: list[dict[str, Any]]
    ) -> None:
        program = compile_table(table(hit_policy, *rows), SCHEMA)
        for row in data:
            assert program.decide(row) == program.scan(row) == program.reference(row), row

    def test_of_thousands_of_rows_is_built_and_answers(self) -> None:
        rows = [([f"[{n}..{n + 1})", f"{n}", f'"r{n}"', "-"], [n]) for n in range(3000)]
        program = compile_table(table("unique", *rows), SCHEMA)
        data = {"score": 777, "ratio": 777.0, "region": "r777"}
        assert program.decide(data).result == {"out": 777}
        assert program.decide({**data, "region": "r778"}).rows == ()
