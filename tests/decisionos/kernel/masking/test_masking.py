"""Masking: what must go goes, what must stay stays, in time proportional to the text."""

from __future__ import annotations

import copy
import itertools
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisionos.kernel.masking import Kind, Strength, detect, mask_fields, mask_text
from decisionos.kernel.masking.checks import passes_iban, passes_luhn, passes_resident_checksum
from decisionos.kernel.masking.masker import label_kind

DATA = (
    Path(os.environ.get("DOS_REFERENCE_DATA", Path(__file__).resolve().parents[5] / "shared" / "data"))
    / "pii_presidio_synth.json"
)
JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLXZhbHVlLWhlcmU"
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----"

# Kind, what stands in the text, what is left of it.
SHOWN = [
    (Kind.RESIDENT_NUMBER, "900101-1234568", "900101-1******"),
    (Kind.RESIDENT_NUMBER, "040229-3123456", "040229-3******"),
    (Kind.FOREIGN_NUMBER, "900101-5234567", "900101-5******"),
    (Kind.PHONE, "010-1234-5678", "010-****-5678"),
    (Kind.PHONE, "01012345678", "010****5678"),
    (Kind.PHONE, "+82 10-1234-5678", "+82 1*-****-5678"),
    (Kind.PHONE, "031-123-4567", "031-***-4567"),
    (Kind.PHONE, "+1 415 555 2671", "+1 41* *** 2671"),
    (Kind.PHONE, "+442071838750", "+442*****8750"),
    (Kind.EMAIL, "kim.minji+x@example.co.kr", "k***@example.co.kr"),
    (Kind.CARD, "4111 1111 1111 1111", "4111 **** **** 1111"),
    (Kind.CARD, "5555-5555-5555-4444", "5555-****-****-4444"),
    (Kind.ACCOUNT, "110-123-456789", "***-***-**6789"),
    (Kind.IBAN, "DE89 3704 0044 0532 0130 00", "DE89 **** **** **** **30 00"),
    (Kind.SECRET, JWT, "********"),
    (Kind.SECRET, "AKIAIOSFODNN7EXAMPLE", "********"),
    (Kind.SECRET, "ghp_" + "a1B2" * 9, "********"),
    (Kind.SECRET, PEM, "********"),
]


class TestMaskText:
    """Running text."""

    @pytest.mark.requirement("A-D3")
    @pytest.mark.parametrize(("kind", "value", "shown"), SHOWN)
    def test_shows_what_a_person_needs_and_no_more(self, kind: Kind, value: str, shown: str) -> None:
        assert mask_text(f"값은 {value} 입니다") == f"값은 {shown} 입니다"
        assert mask_text(f"값은 {value} 입니다", strength=Strength.FULL) == f"값은 [{kind.value}] 입니다"

    @pytest.mark.parametrize(
        "text",
        [
            "2024-01-02 13:45:59.123456",
            "1700000000000",
            "order 12345678, version 1.22.333",
            "4111 1111 1111 1112",
            "901301-1234567",
            "192.168.100.200",
            "amount 12,345,678 KRW",
            "018f3d2e-7c4b-7a10-9b1e-2f3a4b5c6d7e",
        ],
    )
    def test_leaves_what_is_nobodys_data(self, text: str) -> None:
        assert mask_text(text) == text

    def test_needs_a_check_digit_or_a_label_where_there_is_no_hyphen(self) -> None:
        assert not passes_resident_checksum("9001011234567")
        assert mask_text("9001011234567") == "9001011234567"
        assert mask_text("주민번호 9001011234567") == "주민번호 900101" + "1******"
        assert mask_text("9001011234568") == "9001011******"

    def test_finds_an_account_by_its_label_whatever_its_groups(self) -> None:
        assert mask_text("계좌번호: 12345678901") == "계좌번호: *******8901"
        assert mask_text("12345678901") == "12345678901"

    def test_hides_secrets_behind_labels_and_in_urls(self) -> None:
        assert mask_text("api_key=abcDEF123456") == "api_key=********"
        assert mask_text("Authorization: Bearer abcdefgh12345678") == "Authorization: Bearer ********"
        assert mask_text("postgres://user:s3cr3t@db:5432/x") == "postgres://user:********@db:5432/x"

    def test_hides_a_private_key_that_is_cut_off(self) -> None:
        assert mask_text(PEM[:40]) == "********"

    def test_finds_a_card_although_digits_follow(self) -> None:
        assert mask_text("4111 1111 1111 1111 2027") == "4111 **** **** 1111 2027"

    def test_keeps_what_the_allow_list_names(self) -> None:
        text = "support@example.com, kim@example.com"
        assert mask_text(text, allow={"support@example.com"}) == "support@example.com, k***@example.com"

    @pytest.mark.parametrize("text", [value for _, value, _ in SHOWN])
    def test_leaves_nothing_to_find_when_masked_fully(self, text: str) -> None:
        assert detect(mask_text(text, strength=Strength.FULL)) == []

    @given(st.text(max_size=300))
    @settings(max_examples=150, deadline=None)
    def test_never_fails_and_never_overlaps(self, text: str) -> None:
        found = detect(text)
        assert all(a.end <= b.start for a, b in itertools.pairwise(found))
        assert isinstance(mask_text(text), str)

    @pytest.mark.parametrize(
        "piece",
        ["a", "1", "1-", "1 ", "@a.", "eyJ", "010-", "계좌", "AB12 ", "password=", "http://", "가시 가로"],
    )
    def test_takes_time_proportional_to_the_text(self, piece: str) -> None:
        def cost(length: int) -> float:
            text = piece * (length // len(piece))
            best = 9.0
            for _ in range(3):
                start = time.process_time()
                mask_text(text)
                best = min(best, time.process_time() - start)
            return best

        # Quadratic would be 64 times; the bound leaves room for a busy machine.
        assert cost(64_000) < 30 * max(cost(8_000), 0.002)

    def test_finds_what_published_texts_mark(self) -> None:
        if not DATA.exists():
            pytest.skip(f"no reference data at {DATA}")
        wanted = {
            "CREDIT_CARD": Kind.CARD,
            "EMAIL_ADDRESS": Kind.EMAIL,
            "IBAN_CODE": Kind.IBAN,
            "US_SSN": Kind.SSN,
        }
        total, missed = 0, []
        for item in json.loads(DATA.read_text())["items"]:
            found = detect(item["full_text"])
            for span in item["spans"]:
                value = span["entity_value"]
                # Twelve digits (Maestro) are shorter than any number that is masked by pattern.
                if span["entity_type"] in wanted and not (
                    span["entity_type"] == "CREDIT_CARD" and len(value) < 13
                ):
                    total += 1
                    place = (span["start_position"], span["end_position"])
                    if not any(f.start <= place[0] and f.end >= place[1] for f in found):
                        missed.append(value)
        assert total > 100
        assert missed == []


class TestMaskFields:
    """Structures."""

    FIELDS: dict[str, Any] = {
        "resident_number": "9001011234567",
        "contact": {"mobile_phone": 1012345678, "e-mail": "kim@example.com"},
        "accounts": [{"account_no": "12345678", "balance": 1_000_000}],
        "note": "call 010-1234-5678",
        "password": "x",
        "account_id": "77",
        "created": 1_700_000_000_000,
        "score": 0.75,
        "ok": True,
        "none": None,
    }

    def test_go_by_label_first_and_by_pattern_second(self) -> None:
        assert mask_fields(self.FIELDS) == {
            "resident_number": "9001011******",
            "contact": {"mobile_phone": "101***5678", "e-mail": "k***@example.com"},
            "accounts": [{"account_no": "****5678"[-8:], "balance": 1_000_000}],
            "note": "call 010-****-5678",
            "password": "********",
            "account_id": "77",
            "created": 1_700_000_000_000,
            "score": 0.75,
            "ok": True,
            "none": None,
        }

    def test_are_never_changed_in_place(self) -> None:
        before = copy.deepcopy(self.FIELDS)
        masked = mask_fields(self.FIELDS)
        masked["accounts"].append("x")
        assert before == self.FIELDS

    def test_below_a_personal_label_are_all_masked(self) -> None:
        masked = mask_fields({"phone": {"home": "1234567890", "other": ["5551234567"]}}, strength="full")
        assert masked == {"phone": {"home": "[phone]", "other": ["[phone]"]}}

    @pytest.mark.parametrize(
        ("label", "kind"),
        [
            ("주민등록번호", Kind.RESIDENT_NUMBER),
            ("bank-account", Kind.ACCOUNT),
            ("cardNumber", Kind.CARD),
            ("customer_email", Kind.EMAIL),
            ("email_hash", None),
            ("X-Api-Key", Kind.SECRET),
            ("access_token", Kind.SECRET),
            ("tokens", None),
            ("home_address", Kind.ADDRESS),
            ("ip_address_count", None),
        ],
    )
    def test_have_labels_in_many_spellings(self, label: str, kind: Kind | None) -> None:
        assert label_kind(label) is kind


class TestChecks:
    """Check digits."""

    def test_accept_real_numbers_and_refuse_changed_ones(self) -> None:
        assert passes_luhn("4111111111111111")
        assert not passes_luhn("4111111111111112")
        assert passes_iban("GB82WEST12345698765432")
        assert not passes_iban("GB82WEST12345698765433")
