"""The columnar reader: a row keeps its number whatever the threads do, and its values whatever is written."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy.decisions.backtests import columnar, columns, engine, sources
from tests.policy.decisions.backtests.contracts import FIELDS, one_rule
from tests.policy.lending import lending_contract

COLUMNS = columnar.columns_of({"type": "object", "properties": FIELDS})
SCHEMA = {"type": "object", "properties": FIELDS}
LENDING, STRICTER = lending_contract(), lending_contract(("< 550", "< 600"), "1.1.0")


def numbered(kind: str, folder: Path, count: int, padding: int = 0) -> sources.Source:
    """Return a source whose row ``n`` holds ``n`` in ``a``."""
    path = folder / f"rows.{kind}"
    if kind == "csv":
        path.write_text("a,s,pad\n" + "".join(f"{n},w{n % 7},{'x' * padding}\n" for n in range(1, count + 1)))
    elif kind == "jsonl":
        path.write_text("".join(f'{{"a":{n},"s":"w{n % 7}"}}\n' for n in range(1, count + 1)))
    else:
        table = pa.table({"a": range(1, count + 1), "s": [f"w{n % 7}" for n in range(1, count + 1)]})
        pq.write_table(table, path, row_group_size=512)
    return sources.Source(kind, path)


def applications(folder: Path, count: int) -> sources.Source:
    """Return applications in which neighbours differ and nothing repeats soon."""
    head = "credit_score,dti,income_verified,employment_type,estimated_value,target_amt,label\n"
    rows = [
        f"{300 + n * 7919 % 550},{n * 31 % 120 / 100},{'true' if n % 3 else 'false'},salaried,"
        f"{n * 1000 + 10**8},{'' if n % 5 else n * 500 + 10**7},{n % 2}\n"
        for n in range(count)
    ]
    path = folder / "rows.csv"
    path.write_text(head + "".join(rows))
    return sources.Source("csv", path)


def together(loaded: columns.Loaded) -> dict[int, dict[str, Any]]:
    """Return every row by its number, typed and odd ones alike."""
    found = {number: row for number, row, _label in loaded.odd}
    for item in loaded.table.to_pylist():
        number = item.pop(columns.ROW)
        item.pop(columns.LABEL)
        assert number not in found
        found[number] = {name: value for name, value in item.items() if value is not None}
    return found


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many blocks even in small data, so that threads have something to overtake each other with."""
    monkeypatch.setattr(columns, "CSV_BLOCK", 1_024)
    monkeypatch.setattr(columns, "LINES_BLOCK", 1_024)


class TestLoad:
    @pytest.mark.parametrize("kind", sources.KINDS)
    def test_gives_every_row_the_number_it_has_in_the_source(self, kind: str, tmp_path: Path) -> None:
        source = numbered(kind, tmp_path, 20_000)
        for _ in range(3):
            table = columns.load(source, COLUMNS, "").table
            assert table[columns.ROW].to_pylist() == table["a"].to_pylist()
            assert table.num_rows == 20_000

    def test_numbers_lines_that_somebody_else_opens(self, tmp_path: Path) -> None:
        lines = numbered("jsonl", tmp_path, 5_000).path.read_bytes().splitlines(keepends=True)
        blocks = [b"".join(lines[at : at + 700]) for at in range(0, 5_000, 700)]
        source = sources.Source(sources.LINES, open_lines=lambda: iter(blocks))
        table = columns.load(source, COLUMNS, "").table
        assert table[columns.ROW].to_pylist() == table["a"].to_pylist() == list(range(1, 5_001))

    @pytest.mark.parametrize("kind", ["csv", "jsonl"])
    def test_keeps_the_numbers_around_rows_that_do_not_fit(self, kind: str, tmp_path: Path) -> None:
        source = numbered(kind, tmp_path, 3_000)
        text = source.path.read_text().replace("\n1500,", "\nmany,").replace('{"a":1500,', '{"a":"many",')
        source.path.write_text(text)
        loaded = columns.load(source, COLUMNS, "")
        found = together(loaded)
        assert sorted(found) == list(range(1, 3_001))
        assert all(row["a"] == number for number, row in found.items() if number != 1_500)
        assert 1_500 in {number for number, _row, _label in loaded.odd}

    def test_reads_a_table_of_whole_numbers_written_with_a_point(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.csv"
        path.write_text("a,x\n1.0,2\n,3\n-4.00,\n")
        loaded = columns.load(sources.Source("csv", path), COLUMNS, "")
        assert not loaded.odd
        assert together(loaded) == {1: {"a": 1, "x": 2.0}, 2: {"x": 3.0}, 3: {"a": -4}}

    def test_reads_whole_numbers_that_a_data_frame_made_doubles(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.parquet"
        pq.write_table(pa.table({"a": pa.array([1.0, None, float("nan"), 4.0])}), path)
        loaded = columns.load(sources.Source("parquet", path), COLUMNS, "")
        assert together(loaded) == {1: {"a": 1}, 2: {}, 3: {}, 4: {"a": 4}}

    def test_refuses_a_column_of_another_type(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.parquet"
        pq.write_table(pa.table({"a": ["x"]}), path)
        with pytest.raises(sources.SourceInvalid, match="column a"):
            columns.load(sources.Source("parquet", path), COLUMNS, "")


WRITTEN = """
1 -7 +3 007 0x1F 1e3 1.0 -2.000 1.5 nan inf -Infinity 1e400 1_000 99999999999999999999 .5 5. 1,5 １２
9223372036854775807 true NO Yes maybe 한글
"""
cells = st.one_of(
    st.sampled_from(["", " 4 ", "a\nb", 'say "x"', "\t1", *WRITTEN.split()]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=4),
)
objects = st.fixed_dictionaries(
    {},
    optional={
        "a": st.one_of(st.integers(-9, 9), st.sampled_from([1.0, 2**63, "1", None])),
        "x": st.one_of(st.floats(allow_nan=False, width=32), st.integers(-9, 9), st.just("1")),
        "p": st.one_of(st.booleans(), st.just(1)),
        "s": st.one_of(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), st.just(1)),
        "z": st.one_of(st.integers(0, 9), st.lists(st.integers(0, 9), max_size=2), st.just({"a": 1})),
    },
)
broken = [b"{}", b"[]", b"1", b"{", b'{"a":1}{"a":2}', b'{"a":1,', b'"b":2}', b" ", b'{"a":1,"a":2}']
lines = st.one_of(objects.map(orjson.dumps), st.sampled_from(broken))


def plain(found: dict[int, dict[str, Any]]) -> str:
    """Return rows as text that tells 1 from True; a contract takes 1 and 1.0 alike in a number field."""
    for row in found.values():
        if type(row.get("x")) is int:
            row["x"] = float(row["x"])
    return repr(sorted((number, sorted(row.items())) for number, row in found.items()))


class TestAgreement:
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.lists(cells, min_size=4, max_size=5), max_size=12), st.sampled_from(",;"))
    def test_reads_csv_as_the_row_reader_does(
        self, tmp_path: Path, table: list[list[str]], delimiter: str
    ) -> None:
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter).writerows([["a", "x", "p", "s"], *table])
        path = tmp_path / "rows.csv"
        path.write_text(text.getvalue(), newline="")
        self.compare(sources.Source("csv", path))

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(lines, max_size=12))
    def test_reads_lines_as_the_row_reader_does(self, tmp_path: Path, given_lines: list[bytes]) -> None:
        path = tmp_path / "rows.jsonl"
        path.write_bytes(b"\n".join(given_lines))
        self.compare(sources.Source("jsonl", path))

    @staticmethod
    def compare(source: sources.Source) -> None:
        expected = {at: row for at, (row, _label) in enumerate(sources.rows(source, SCHEMA, ""), start=1)}
        assert plain(together(columns.load(source, COLUMNS, ""))) == plain(expected)


class TestIdentity:
    """What was wrong: a file large enough for several threads gave other rows as examples, run by run."""

    @pytest.mark.parametrize("kind", sources.KINDS)
    def test_names_the_rows_that_flip_by_their_number_in_the_file(self, kind: str, tmp_path: Path) -> None:
        before = one_rule("a % 1000 == 7", {"a": {"type": "integer"}, "s": {"type": "string"}})
        after = one_rule("a % 1000 == 9", {"a": {"type": "integer"}, "s": {"type": "string"}})
        source = numbered(kind, tmp_path, 60_000, padding=1_500)
        expected = [n for n in range(1, 60_001) if n % 1000 in {7, 9}]
        for _ in range(4):
            found = engine.evaluate(after, source, baseline=before, engine="columnar")["comparison"]
            assert [flip["row"] for flip in found["flips"]] == expected

    def test_gives_the_sample_of_the_row_engine_run_after_run(self, tmp_path: Path) -> None:
        source = applications(tmp_path, 30_000)
        slow = engine.evaluate(LENDING, source, baseline=STRICTER, engine="rows")["comparison"]
        for _ in range(4):
            fast = engine.evaluate(LENDING, source, baseline=STRICTER, engine="columnar")["comparison"]
            assert fast == slow
