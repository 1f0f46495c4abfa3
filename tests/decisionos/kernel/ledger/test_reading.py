"""What COPY writes of an entry, and the two ways to its record."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisionos.kernel import canonical
from decisionos.kernel.ledger import reading
from decisionos.kernel.tenants import scope
from tests.decisionos.kernel.ledger.conftest import TENANT, fill

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
# Pieces of JSON are what a field would hold to look like two.
WORDS = st.lists(st.sampled_from(['"', ",", "\\", '","at":"', "}", "a", "\n", "\x01", "N"]), max_size=6).map(
    "".join
)
PAYLOADS = st.dictionaries(
    TEXTS,
    st.none()
    | st.booleans()
    | TEXTS
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | st.lists(TEXTS, max_size=2),
    max_size=4,
)


def copied(text: str) -> bytes:
    """A field as COPY writes it."""
    escapes = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f", "\v": "\\v"}
    return text.translate(str.maketrans(escapes)).encode()


class TestQuickRecord:
    """The record as the fields stand."""

    @given(st.lists(TEXTS | WORDS, min_size=5, max_size=5), PAYLOADS)
    @settings(max_examples=400, deadline=None)
    def test_says_what_the_strict_one_says_or_cannot_be_read(
        self, texts: list[str], payload: dict[str, object]
    ) -> None:
        actor, corr_id, kind, subject_id, subject_type = map(copied, texts)
        written = copied(json.dumps(payload, ensure_ascii=False))
        row = reading.Row(
            b"1", b"", b"", b"an-id", b"", actor, b"2026-01-02T03:04:05.000006ZAD", corr_id, kind, written,
            subject_id, subject_type,
        )  # fmt: skip
        quick, strict = reading.quick_record(row, b"t"), reading.strict_record(row, "t")
        if quick and quick != strict:
            try:
                said = json.loads(quick, parse_int=float)
            except ValueError:
                return
            assert said == json.loads(strict, parse_int=float)

    def test_is_the_strict_one_for_plain_fields(self) -> None:
        row = reading.Row(
            b"1", b"", b"", b"an-id", b"", b"user:1", b"2026-01-02T03:04:05.000006ZAD", b"c", b"a.b",
            b'{"b": 0.5, "aa": [1, "x"]}', b"5", b"thing",
        )  # fmt: skip
        assert reading.quick_record(row, b"t") == reading.strict_record(row, "t")

    @pytest.mark.parametrize("field", ["actor", "corr_id", "kind", "subject_id", "subject_type", "at"])
    @pytest.mark.parametrize("value", [b'"', b"\\\\", b"\\n", b"\\N"])
    def test_is_not_tried_where_a_field_could_look_like_two(self, field: str, value: bytes) -> None:
        row = reading.Row(b"1", b"", b"", b"i", b"", b"", b"2026ZAD", b"", b"", b"{}", b"", b"")
        assert reading.quick_record(row, b"t")
        assert reading.quick_record(row._replace(**{field: value}), b"t") == b""

    def test_is_not_tried_before_our_era_nor_with_numbers_beyond_a_double(self) -> None:
        row = reading.Row(b"1", b"", b"", b"i", b"", b"", b"2026ZAD", b"", b"", b"{}", b"", b"")
        assert reading.quick_record(row._replace(at=b"2026ZBC"), b"t") == b""
        for number in (b"1" + b"0" * 400, b"9007199254740993"):
            assert reading.quick_record(row._replace(payload=b'{"a": ' + number + b"}"), b"t") == b""

    def test_relies_on_a_parser_that_refuses_infinity(self) -> None:
        # Were it read as an infinite double, it would be written as null.
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(b"1" + b"0" * 400)


@pytest.mark.django_db
class TestRows:
    """The stream."""

    def test_holds_every_field_of_an_entry(self) -> None:
        (entry_id,) = fill(1)
        with scope.tenant_scope(TENANT):
            (row,) = reading.rows(TENANT, first=1, last=1, most=1)
        record = row.record(str(TENANT))
        assert canonical.digest(record).encode() == row.digest
        assert (record["id"], record["payload"]) == (str(entry_id), {"n": 0, "share": 0.5, "text": "값"})

    def test_goes_on_past_a_stretch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "STRETCH", 3)
        fill(7)
        with scope.tenant_scope(TENANT):
            assert [int(row.seq) for row in reading.sealed(TENANT, first=2, last=7)] == list(range(2, 8))
            assert [int(row.seq) for row in reading.sealed(TENANT, first=2, last=6)] == list(range(2, 7))
