"""Canonical JSON: the quick path says what the reference says, and the database changes nothing."""

from __future__ import annotations

import json
import math
import uuid
from decimal import Decimal
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from decisionos.kernel import canonical

_TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-canonical.MAX_SAFE_INTEGER, canonical.MAX_SAFE_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)


class TestEncode:
    """The bytes."""

    @given(_VALUES)
    @settings(max_examples=400, deadline=None)
    def test_equals_the_reference_on_every_value(self, value: Any) -> None:
        assert canonical.encode(value) == rfc8785.dumps(value)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (1.0, b"1"),
            (-0.0, b"0"),
            (1e21, b"1e+21"),
            (1e-7, b"1e-7"),
            (0.00001, b"0.00001"),
            ({"b": 1.0, "a": [100.0, None]}, b'{"a":[100,null],"b":1}'),
            ({"\U0001f600": 1, "\ufb33": 2}, '{"\U0001f600":1,"\ufb33":2}'.encode()),
        ],
    )
    def test_writes_numbers_and_order_as_ecmascript_does(self, value: Any, expected: bytes) -> None:
        assert canonical.encode(value) == expected

    @pytest.mark.parametrize(
        "value",
        [math.nan, {"a": [math.inf]}, 2**53, {"a": Decimal(1)}, {1: "a"}, {"a": {1, 2}}, object(), "\ud800"],
    )
    def test_refuses_what_has_no_canonical_form(self, value: Any) -> None:
        with pytest.raises(canonical.NotCanonical):
            canonical.encode(value)

    def test_takes_a_uuid_as_its_text(self) -> None:
        identifier = uuid.uuid4()
        assert canonical.encode({"a": identifier, "b": 1.0}) == canonical.encode(
            {"a": str(identifier), "b": 1.0}
        )


class TestDecode:
    """What jsonb hands back."""

    @given(st.floats(allow_nan=False, allow_infinity=False))
    @settings(max_examples=300, deadline=None)
    def test_reads_a_float_that_was_written_out_in_digits(self, value: float) -> None:
        stored = format(Decimal(repr(value)), "f")
        assert canonical.encode(canonical.decode(f'{{"a": {stored}}}')) == canonical.encode({"a": value})

    @given(_VALUES)
    @settings(max_examples=150, deadline=None)
    def test_undoes_any_writing_of_json(self, value: Any) -> None:
        assert canonical.encode(canonical.decode(json.dumps({"a": value}))) == canonical.encode({"a": value})


class TestRecode:
    """The quick way from what the database keeps to canonical bytes."""

    @given(_VALUES)
    @settings(max_examples=300, deadline=None)
    def test_equals_decoding_and_encoding(self, value: Any) -> None:
        stored = json.dumps({"a": value}).encode()
        assert (
            canonical.recode(stored)
            == canonical.encode(canonical.decode(stored))
            == canonical.encode({"a": value})
        )

    @given(st.floats(allow_nan=False, allow_infinity=False))
    @settings(max_examples=300, deadline=None)
    def test_reads_a_float_that_was_written_out_in_digits(self, value: float) -> None:
        stored = format(Decimal(repr(value)), "f")
        assert canonical.recode(f'{{"a": {stored}}}'.encode()) == canonical.encode({"a": value})
