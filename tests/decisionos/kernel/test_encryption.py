"""Envelopes: they open where they were sealed, and nowhere else; without keys nothing is stored."""

from __future__ import annotations

import base64
import itertools
from typing import Any

import pytest
from django.core.exceptions import FieldError
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from decisionos.kernel import encryption, envelopes
from decisionos.kernel.keys.models import SigningKey

OLD = "old:" + base64.b64encode(bytes(range(32))).decode()
NEW = "new:" + base64.b64encode(bytes(range(100, 132))).decode()
CONTEXT = b"table.column"


class TestSeal:
    """One value."""

    @given(st.binary(max_size=200))
    @hypothesis_settings(max_examples=50, deadline=None)
    def test_opens_to_what_it_was_and_never_shows_it(self, plain: bytes) -> None:
        blob = encryption.seal(plain, context=CONTEXT)
        assert encryption.open_sealed(blob, context=CONTEXT) == plain
        assert len(plain) < 8 or plain not in blob

    def test_is_different_every_time(self) -> None:
        assert encryption.seal(b"x", context=CONTEXT) != encryption.seal(b"x", context=CONTEXT)

    def test_shares_a_data_key_with_few_others_and_a_nonce_with_none(self, monkeypatch: Any) -> None:
        monkeypatch.setattr(encryption, "VALUES_PER_KEY", 3)
        context = b"t.shared"
        sealed = [envelopes.split(encryption.seal(b"x", context=context)) for _ in range(7)]
        assert [len(list(group)) for _, group in itertools.groupby(one.wrapped for one in sealed)] == [
            3,
            3,
            1,
        ]
        assert len({one.nonce for one in sealed}) == 7
        elsewhere = envelopes.split(encryption.seal(b"x", context=b"t.other"))
        assert elsewhere.wrapped not in {one.wrapped for one in sealed}

    def test_does_not_open_in_another_context(self) -> None:
        with pytest.raises(encryption.SealBroken):
            encryption.open_sealed(encryption.seal(b"x", context=CONTEXT), context=b"table.other")

    def test_does_not_open_after_any_byte_was_changed(self) -> None:
        blob = encryption.seal(b"secret", context=CONTEXT)
        for position in range(len(blob)):
            changed = bytearray(blob)
            changed[position] ^= 1
            with pytest.raises(encryption.SealBroken):
                encryption.open_sealed(bytes(changed), context=CONTEXT)

    def test_does_not_open_when_cut_off(self) -> None:
        blob = encryption.seal(b"secret", context=CONTEXT)
        for length in range(len(blob)):
            with pytest.raises(encryption.SealBroken):
                encryption.open_sealed(blob[:length], context=CONTEXT)


class TestRing:
    """The keys of the installation."""

    @pytest.mark.parametrize(
        "raw",
        [
            "",
            " , ",
            "nocolon",
            "k:notbase64!",
            "k:" + base64.b64encode(b"short").decode(),
            "k:" + base64.b64encode(bytes(32)).decode(),
            f"{OLD},{OLD}",
            "bad id:" + OLD.partition(":")[2],
        ],
    )
    def test_that_is_missing_or_malformed_refuses_everything_and_tells_no_key(
        self, settings: Any, raw: str
    ) -> None:
        settings.DOS_ENCRYPTION_KEYS = raw
        with pytest.raises(encryption.EncryptionUnavailable) as caught:
            encryption.seal(b"x", context=CONTEXT)
        assert "DOS_ENCRYPTION_KEYS" in caught.value.detail
        assert OLD.partition(":")[2] not in caught.value.detail

    def test_opens_with_every_key_and_seals_with_the_first(self, settings: Any) -> None:
        settings.DOS_ENCRYPTION_KEYS = OLD
        blob = encryption.seal(b"x", context=CONTEXT)
        settings.DOS_ENCRYPTION_KEYS = f"{NEW},{OLD}"
        assert encryption.open_sealed(blob, context=CONTEXT) == b"x"
        assert encryption.key_id_of(encryption.seal(b"x", context=CONTEXT)) == "new"

    def test_rewraps_so_that_the_old_key_can_go(self, settings: Any) -> None:
        settings.DOS_ENCRYPTION_KEYS = OLD
        blob = encryption.seal(b"x", context=CONTEXT)
        settings.DOS_ENCRYPTION_KEYS = f"{NEW},{OLD}"
        moved = encryption.rewrap(blob, context=CONTEXT)
        assert encryption.rewrap(moved, context=CONTEXT) == moved
        settings.DOS_ENCRYPTION_KEYS = NEW
        assert encryption.open_sealed(moved, context=CONTEXT) == b"x"
        with pytest.raises(encryption.SealBroken, match="old"):
            encryption.open_sealed(blob, context=CONTEXT)

    def test_does_not_rewrap_into_another_context(self, settings: Any) -> None:
        settings.DOS_ENCRYPTION_KEYS = OLD
        blob = encryption.seal(b"x", context=CONTEXT)
        settings.DOS_ENCRYPTION_KEYS = f"{NEW},{OLD}"
        with pytest.raises(encryption.SealBroken):
            encryption.rewrap(blob, context=b"elsewhere")


class TestFields:
    """The columns."""

    def test_cannot_be_searched(self) -> None:
        with pytest.raises(FieldError, match="encrypted"):
            SigningKey.objects.filter(private_key="x")

    def test_are_bound_to_table_and_column(self) -> None:
        assert SigningKey._meta.get_field("private_key").context == b"kernel_keys_signingkey.private_key"

    def test_keep_json_values(self) -> None:
        field = encryption.EncryptedJSONField()
        value = {"이름": ["a", 1, None, 2.5]}
        assert field._load(field._dump(value)) == value
