"""Check digits: what makes a row of digits a card, a resident number or an IBAN. Pure functions."""

from __future__ import annotations

import calendar
import re

_WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_CENTURIES = {
    "1": 1900,
    "2": 1900,
    "5": 1900,
    "6": 1900,
    "3": 2000,
    "4": 2000,
    "7": 2000,
    "8": 2000,
    "9": 1800,
    "0": 1800,
}
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")

# The first digits that card networks issue, by number of digits. Thirteen digits starting with 1 are a
# timestamp in milliseconds far more often than a card.
_CARD_STARTS: dict[int, tuple[str, ...]] = {
    13: ("4", "5", "6"),
    14: ("30", "36", "38", "39", "5", "6"),
    15: ("34", "37", "1800", "2131", "2014", "2149"),
    16: ("2", "3", "4", "5", "6", "8", "9"),
    17: ("4", "5", "6"),
    18: ("4", "5", "6"),
    19: ("4", "5", "6", "9"),
}


def passes_luhn(digits: str) -> bool:
    """Return whether the Luhn check digit is right."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = ord(digit) - 48
        if position % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def is_card(digits: str) -> bool:
    """Return whether the digits can be a payment card's number."""
    starts = _CARD_STARTS.get(len(digits), ())
    return digits.startswith(starts or ("x",)) and len(set(digits)) > 1 and passes_luhn(digits)


def has_birth_date(digits: str) -> bool:
    """Return whether thirteen digits start with a real date of the century that the seventh digit names."""
    century = _CENTURIES.get(digits[6])
    if century is None:
        return False
    year, month, day = century + int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    return 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]


def is_foreign(digits: str) -> bool:
    """Return whether the seventh digit is one of a foreign registration number."""
    return digits[6] in "5678"


def passes_resident_checksum(digits: str) -> bool:
    """Return whether the check digit of a resident or foreign registration number is right.

    Numbers issued since October 2020 carry random digits instead, so a wrong one proves nothing.
    """
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits[:12], strict=True))
    base = 13 if is_foreign(digits) else 11
    return (base - total % 11) % 10 == int(digits[12])


def passes_iban(text: str) -> bool:
    """Return whether the IBAN's remainder is right."""
    compact = text.replace(" ", "").upper()
    if not _IBAN.fullmatch(compact):
        return False
    moved = compact[4:] + compact[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1
