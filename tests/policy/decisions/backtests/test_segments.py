"""Figures by segment: every row in one of them, by either engine, in buckets that people can read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy.decisions.backtests import engine, segments, sources
from policy.decisions.backtests.sources import MISFIT
from tests.policy.decisions.backtests.contracts import FIELDS, one_rule

AFTER, BEFORE = one_rule("a > 2 || p", FIELDS), one_rule("x < 0.5", FIELDS)
rows = st.fixed_dictionaries(
    {},
    optional={
        "a": st.one_of(st.integers(-50, 5_000), st.sampled_from([2**45, "1", 1.0])),
        "x": st.floats(-1e6, 1e6),
        "p": st.booleans(),
        "s": st.sampled_from(["", "a", "abc", "한글"]),
        "label": st.sampled_from([0, 1]),
    },
)


def axis(kind: str, values: list[Any]) -> segments.Axis | None:
    return segments.axis_of("f", kind, pa.nulls(0), values)


class TestAxis:
    def test_cuts_numbers_into_buckets_of_about_the_same_size(self) -> None:
        found = axis("int", list(range(1_000, 9_000)))
        assert found is not None
        counts = [0] * (len(found.edges) + 1)
        for value in range(1_000, 9_000):
            counts[found.code_of(value)] += 1
        assert len(counts) == segments.BUCKETS
        assert max(counts) - min(counts) < 20

    def test_names_buckets_with_few_digits(self) -> None:
        found = axis("int", list(range(123_456, 987_654, 7)))
        assert found is not None
        names = [found.name_of(code) for code in range(len(found.edges) + 1)]
        assert (names[0], names[1], names[-1]) == ("< 231,000", "231,000 – 340,000", "≥ 880,000")

    def test_makes_no_empty_bucket_where_one_value_prevails(self) -> None:
        found = axis("double", [0.0] * 90 + [1.0] * 10)
        assert found is not None
        assert [found.code_of(value) for value in (0.0, 1.0)] == [0, len(found.edges)]

    def test_keeps_the_most_frequent_words_and_sums_up_the_rest(self) -> None:
        words = [f"w{n:02}" for n in range(20) for _ in range(40 - n)]
        found = axis("string", [*words, None, MISFIT])
        assert found is not None
        assert found.words == tuple(f"w{n:02}" for n in range(segments.MOST_WORDS))
        names = [found.name_of(found.code_of(value)) for value in ("w00", "w19", None, MISFIT)]
        assert names == ["w00", "other", "absent", "absent"]

    def test_is_not_there_for_a_field_without_values_or_with_too_many(self) -> None:
        assert axis("int", [None]) is None
        assert axis("string", [str(n) for n in range(segments.MOST_DISTINCT + 2)]) is None

    def test_puts_the_edge_into_the_bucket_above(self) -> None:
        found = segments.Axis("f", "double", edges=(0.5, 1.0))
        assert [found.code_of(value) for value in (0.49, 0.5, 1.0)] == [0, 1, 2]


class TestFieldsOf:
    def test_takes_the_plain_fields_and_leaves_the_label(self) -> None:
        schema = {"properties": {**FIELDS, "label": {"type": "integer"}, "deep": {"type": "object"}}}
        assert list(segments.fields_of(schema, "label", None)) == list(FIELDS)
        assert segments.fields_of(schema, "label", ["x", "no_such", "deep"]) == {"x": "double"}


class TestAgreement:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(rows, min_size=1, max_size=20))
    def test_gives_the_same_segments_by_either_engine(
        self, tmp_path: Path, given_rows: list[dict[str, Any]]
    ) -> None:
        path = tmp_path / "rows.jsonl"
        path.write_bytes(b"\n".join(orjson.dumps(item) for item in given_rows))
        source = sources.Source("jsonl", path)
        fast, slow = (
            engine.run(AFTER, source, baseline=BEFORE, label_key="label", engine=chosen, cut_by=None).report
            for chosen in ("columnar", "rows")
        )
        assert fast["segments"] == slow["segments"]
        for cut in fast["segments"]:
            assert sum(item["rows"] for item in cut["segments"]) == fast["metrics"]["rows"]
            flipped = sum(item["flipped"] for item in cut["segments"])
            assert flipped == fast["comparison"]["flipped"]
