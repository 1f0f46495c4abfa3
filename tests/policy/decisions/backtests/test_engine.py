"""Both engines of the evaluation agree on every row, and the report says what was found."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.decisions import demo
from policy.decisions.backtests import columnar, downloads, engine, report, sources
from policy.rules import conditions, executor
from tests.policy.decisions.backtests.contracts import FIELDS, one_rule
from tests.policy.lending import lending_contract, row

LENDING = lending_contract()
STRICTER = lending_contract(("< 550", "< 600"), "1.1.0")
NAMES = list(LENDING.document.input_schema["properties"])


def write(folder: Path, kind: str, rows: list[dict[str, Any]]) -> sources.Source:
    path = folder / f"rows.{kind}"
    if kind == "csv":
        with path.open("w", newline="") as handle:
            writer = csv.DictWriter(handle, NAMES)
            writer.writeheader()
            for item in rows:
                writer.writerow({k: str(v).lower() if isinstance(v, bool) else v for k, v in item.items()})
    elif kind == "jsonl":
        path.write_bytes(b"".join(orjson.dumps(item) + b"\n" for item in rows))
    else:
        pq.write_table(
            pa.Table.from_pylist([{name: item.get(name) for name in NAMES} for item in rows]), path
        )
    return sources.Source(kind, path)


def same(report_: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in report_.items() if not key.startswith("engine")}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    found = demo.applications(600)
    found[3]["estimated_value"] = 2**45
    found[7]["dti"] = 9.0
    return found


class TestEvaluate:
    @pytest.mark.parametrize("kind", sources.KINDS)
    def test_gives_one_report_by_either_engine(
        self, kind: str, rows: list[dict[str, Any]], tmp_path: Path
    ) -> None:
        source = write(tmp_path, kind, rows)
        fast, slow = (
            engine.run(LENDING, source, baseline=STRICTER, engine=chosen, cut_by=None)
            for chosen in ("columnar", "rows")
        )
        assert same(fast.report) == same(slow.report)
        assert (fast.report["engine"], slow.report["engine"]) == ("columnar", "rows")
        assert fast.report["metrics"]["invalid"] == 1
        assert downloads.flips_csv(fast.flips, []) == downloads.flips_csv(slow.flips, [])
        assert len(fast.flips) == fast.report["comparison"]["flipped"] > 5
        assert fast.invalid == slow.invalid

    @pytest.mark.requirement("A-M2")
    @pytest.mark.requirement("A-D3")
    @pytest.mark.parametrize("chosen", ["columnar", "rows"])
    def test_gives_the_golden_figures_of_the_six_row_sample(self, chosen: str, tmp_path: Path) -> None:
        sample = [
            row(0, credit_score=530),
            row(0, credit_score=640, dti=0.44, income_verified=False),
            row(0, credit_score=660, dti=0.50),
            row(1, credit_score=620, dti=0.30),
            row(1, credit_score=720, dti=0.30),
            row(1, credit_score=680, dti=0.40),
        ]
        found = engine.evaluate(LENDING, write(tmp_path, "csv", sample), engine=chosen)["metrics"]
        assert found["reject_precision"] == 1.0
        assert found["recall"] == pytest.approx(0.333, abs=0.001)
        assert found["review_rate"] == 0.5

    def test_lists_each_decision_that_flips_and_why(self, tmp_path: Path) -> None:
        source = write(tmp_path, "csv", [row(credit_score=570, dti=0.5), row(credit_score=720)])
        found = engine.evaluate(STRICTER, source, baseline=LENDING)["comparison"]
        assert found["flipped"] == 1
        assert found["pairs"] == [{"before": "review", "after": "reject", "count": 1}]
        assert found["flips"][0]["row"] == 1
        assert found["flips"][0]["why"] == "no_rule_matched → reject_low_credit"

    def test_falls_back_to_rows_where_a_rule_has_no_columns(self, tmp_path: Path) -> None:
        contract = one_rule("[1, 2].exists(x, x == a)", {"a": {"type": "integer"}})
        path = tmp_path / "rows.csv"
        path.write_text("a\n1\n3\n")
        found = engine.evaluate(contract, sources.Source("csv", path))
        assert found["engine"] == "rows"
        assert found["metrics"]["classes"]["reject"] == 1
        with pytest.raises(columnar.NotExpressible):
            engine.evaluate(contract, sources.Source("csv", path), engine="columnar")

    def test_refuses_a_file_that_cannot_be_read(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.parquet"
        path.write_bytes(b"nothing")
        with pytest.raises(sources.SourceInvalid):
            engine.evaluate(LENDING, sources.Source("parquet", path))


integers: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        st.sampled_from(["a", "b", "0", "1", "-3", "700"]),
        st.builds("({} {} {})".format, integers, st.sampled_from(["+", "-", "*", "/", "%"]), integers),
    )
)
doubles: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        st.sampled_from(["x", "y", "0.35", "-1.5", "double(a)"]),
        st.builds("({} {} {})".format, doubles, st.sampled_from(["+", "-", "*", "/"]), doubles),
    )
)
truths: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        st.sampled_from(
            ["p", "s == 'x'", "s.startsWith('a')", "s in ['a', 'b']", "has(input.a)", "size(s) > 2"]
        ),
        st.builds("{} {} {}".format, integers, st.sampled_from(["<", "<=", "==", "!=", ">"]), integers),
        st.builds("{} {} {}".format, doubles, st.sampled_from(["<", ">=", "=="]), doubles),
        st.builds("({} {} {})".format, truths, st.sampled_from(["&&", "||"]), truths),
        st.builds("!({})".format, truths),
        st.builds("({} ? {} : {})".format, truths, truths, truths),
    )
)
inputs = st.fixed_dictionaries(
    {},
    optional={
        "a": st.one_of(st.integers(-5, 5), st.integers(-(2**50), 2**50)),
        "b": st.integers(-3, 3),
        "x": st.floats(-1e6, 1e6),
        "y": st.sampled_from([0.0, 0.35, -1.5, 1e-12]),
        "p": st.booleans(),
        "s": st.sampled_from(["", "a", "abc", "x", "한글"]),
    },
)


class TestColumnar:
    @settings(max_examples=150, deadline=None)
    @given(truths, st.lists(inputs, min_size=1, max_size=8))
    def test_agrees_with_the_row_engine_on_every_row(
        self, when: str, given_rows: list[dict[str, Any]]
    ) -> None:
        try:
            contract = one_rule(when, FIELDS)
            columns = columnar.columns_of(contract.document.input_schema)
            translator = columnar.Translator(columns)
            text = translator.condition(contract.program.flat[0].node)
        except (columnar.NotExpressible, conditions.RuleInvalid):
            return
        table = pa.Table.from_pylist(
            [{name: item.get(name) for name in FIELDS} for item in given_rows],
            pa.schema(
                {"a": pa.int64(), "b": pa.int64(), "x": pa.float64(), "y": pa.float64()}
                | {"p": pa.bool_(), "s": pa.string()}
            ),
        )
        database = duckdb.connect()
        database.register("t", table)
        inner = f"SELECT ({translator.wide_hazard()}) AS w, {translator.cleaned() or '0'} FROM t"
        answers = database.execute(f"SELECT {text}, w OR ({translator.hazard()}) FROM ({inner})").fetchall()
        scope = contract.program.scope
        for item, (value, hazard) in zip(given_rows, answers, strict=True):
            if not hazard:
                verdict = executor.judge(contract.program.flat[0], contract.check(item), scope)
                assert value is verdict.result, (when, item, verdict)


class TestReport:
    def test_is_one_page_without_script_and_escapes_what_it_shows(self, tmp_path: Path) -> None:
        source = write(tmp_path, "csv", [row(0, credit_score=530), row(1)])
        found = engine.evaluate(LENDING, source, baseline=STRICTER)
        page = report.render({**found, "source": "<script>alert(1)</script>"})
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        assert "http" not in page.replace("http-equiv", "")
        assert page.count("<svg") == 4

    @pytest.mark.parametrize(
        ("figure", "value", "sign"),
        [
            ("recall", 0.90, "good"),
            ("recall", 0.70, "fair"),
            ("recall", 0.69, "poor"),
            ("review_rate", 0.20, "good"),
            ("review_rate", 0.40, "fair"),
            ("review_rate", 0.41, "poor"),
            ("recall", None, "none"),
        ],
    )
    def test_grades_each_figure_by_its_own_bounds(self, figure: str, value: float | None, sign: str) -> None:
        assert report.grade(figure, value) == sign


class TestDemo:
    def test_gives_the_same_rows_for_the_same_seed(self) -> None:
        assert demo.applications(50) == demo.applications(50)
        assert demo.applications(50, seed=2) != demo.applications(50)

    def test_gives_rows_that_the_contract_takes(self) -> None:
        for item in demo.applications(300):
            assert LENDING.check(item)["credit_score"] == item["credit_score"]

    def test_keeps_to_its_stated_distributions(self) -> None:
        found = demo.applications(4000)
        assert sum(item["credit_score"] for item in found) / 4000 == pytest.approx(660, abs=8)
        assert sum(item["income_verified"] for item in found) / 4000 == pytest.approx(0.72, abs=0.03)
        assert sum("region" in item for item in found) / 4000 == pytest.approx(0.85, abs=0.03)
