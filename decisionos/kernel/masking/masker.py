"""Replacing what was found: partly, so that a person recognises it, or wholly by a placeholder.

What must stay true: a value under a label that names personal data is masked whatever it looks like; the
input is never changed; masking a masked text changes nothing more that matters.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from decisionos.kernel.masking.detectors import Kind, detect


class Strength(StrEnum):
    """How much of a value stays readable."""

    PARTIAL = "partial"
    FULL = "full"


# Labels decide before patterns do. The key is compared in lower case without separators.
_LABELS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        Kind.SECRET,
        re.compile(
            r"password|passwd|passphrase|secret|apikey|accesskey|privatekey|authorization"
            r"|(?:access|refresh|id|auth|bearer|session|csrf)token|^token$|^cvc$|^cvv2?$|^pin$|비밀번호"
        ),
    ),
    (Kind.FOREIGN_NUMBER, re.compile(r"foreignregistration|aliennumber|alienregistration|외국인등록")),
    (
        Kind.RESIDENT_NUMBER,
        re.compile(r"resident(?:registration)?(?:number|no)|^rrn$|^jumin|주민(?:등록)?번호"),
    ),
    (Kind.SSN, re.compile(r"^ssn$|socialsecurity")),
    (Kind.CARD, re.compile(r"card(?:number|no)$|^pan$|creditcard$|카드번호")),
    (Kind.IBAN, re.compile(r"^iban$")),
    (
        Kind.ACCOUNT,
        re.compile(
            r"bankaccount|account(?:number|no)$|^accountnumber|^acct(?:no|number)?$|^account$|계좌(?:번호)?"
        ),
    ),
    (Kind.EMAIL, re.compile(r"email|^mail$|이메일|전자우편")),
    (
        Kind.PHONE,
        re.compile(r"phone|mobile|cellular|^cell$|^tel$|telno|contactnumber|^fax|휴대폰|전화|연락처"),
    ),
    (Kind.POSTCODE, re.compile(r"^(?:post(?:al)?code|zip(?:code)?)$|우편번호")),
    (Kind.ADDRESS, re.compile(r"(?:^|street|home|road|postal|mailing)address[0-9]?$|주소")),
)
_REFERENCE = re.compile(r"(?:hash|digest|verified|(?<!ac)count|id)$")
_SEPARATORS = re.compile(r"[\s_.\-]+")
# Digits long enough to be a card or a resident number; shorter integers are amounts and counts.
_LONG_INTEGER = 10**12


def label_kind(label: str) -> Kind | None:
    """Return what a field of this name holds, where the name says it."""
    name = _SEPARATORS.sub("", label).lower()
    # A hash or a token reference of personal data is not personal data.
    if _REFERENCE.search(name):
        return None
    return next((kind for kind, pattern in _LABELS if pattern.search(name)), None)


def _keep(text: str, *, head: int, tail: int) -> str:
    """Star all letters and digits but the first and last few; separators stay where they are."""
    places = [index for index, character in enumerate(text) if character.isalnum()]
    if len(places) <= head + tail + 2:
        head, tail = 0, min(tail, max(0, len(places) // 4))
    hidden = set(places[head : len(places) - tail])
    return "".join("*" if index in hidden else character for index, character in enumerate(text))


def _mask_email(text: str) -> str:
    local, at, domain = text.rpartition("@")
    return f"{local[:1]}***{at}{domain}" if at and len(local) > 1 else f"***{at}{domain if at else ''}"


def mask_value(kind: Kind, text: str, *, strength: Strength | str = Strength.PARTIAL) -> str:
    """Return one value of a known kind, masked."""
    if Strength(strength) is Strength.FULL:
        return f"[{kind.value}]"
    match kind:
        case Kind.EMAIL:
            return _mask_email(text)
        case Kind.RESIDENT_NUMBER | Kind.FOREIGN_NUMBER:
            return _keep(text, head=7, tail=0) if sum(map(str.isdigit, text)) == 13 else "*" * len(text)
        case Kind.PHONE:
            return _keep(text, head=3, tail=4)
        case Kind.CARD | Kind.IBAN:
            return _keep(text, head=4, tail=4)
        case Kind.ACCOUNT | Kind.SSN:
            return _keep(text, head=0, tail=4)
        case Kind.POSTCODE:
            return _keep(text, head=2, tail=0)
        case Kind.ADDRESS:
            head, space, _ = text.partition(" ")
            return f"{head}{space}***" if space else "***"
        case Kind.SECRET:
            return "********"


def mask_text(text: str, *, strength: Strength | str = Strength.PARTIAL, allow: Collection[str] = ()) -> str:
    """Return the text without personal data and secrets; values of the allow-list stay as they are."""
    findings = detect(text)
    if not findings:
        return text
    parts: list[str] = []
    position = 0
    for finding in findings:
        value = text[finding.start : finding.end]
        parts.append(text[position : finding.start])
        parts.append(value if value in allow else mask_value(finding.kind, value, strength=strength))
        position = finding.end
    parts.append(text[position:])
    return "".join(parts)


def _mask(value: Any, kind: Kind | None, strength: Strength, allow: Collection[str]) -> Any:
    if isinstance(value, Mapping):
        # Below a label that names personal data everything is, whatever its own key says.
        return {
            key: _mask(item, label_kind(str(key)) or kind, strength, allow) for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_mask(item, kind, strength, allow) for item in value]
    if value is None or isinstance(value, bool | uuid.UUID):
        return value
    if kind is not None:
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        return text if text in allow or not text else mask_value(kind, text, strength=strength)
    if isinstance(value, str):
        return mask_text(value, strength=strength, allow=allow)
    if isinstance(value, bytes):
        return mask_text(value.decode(errors="replace"), strength=strength, allow=allow)
    if isinstance(value, int) and abs(value) >= _LONG_INTEGER:
        masked = mask_text(str(value), strength=strength, allow=allow)
        return value if masked == str(value) else masked
    if isinstance(value, int | float | Decimal):
        return value
    return value


def mask_fields(
    fields: Mapping[str, Any], *, strength: Strength | str = Strength.PARTIAL, allow: Collection[str] = ()
) -> dict[str, Any]:
    """Return a masked copy of nested fields: by label first, by pattern second. Tuples become lists."""
    masked: dict[str, Any] = _mask(fields, None, Strength(strength), allow)
    return masked
