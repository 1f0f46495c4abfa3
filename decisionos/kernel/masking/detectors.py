"""What personal data and secrets look like in running text.

What must stay true: every pattern has bounded repetition and no nested one, so that matching takes time
proportional to the text. A pattern only proposes; check digits and dates decide where a kind has them.
Findings never overlap: the earlier start wins, then the order of ``_DETECTORS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from decisionos.kernel.masking import checks


class Kind(StrEnum):
    """The kinds of data that are masked."""

    RESIDENT_NUMBER = "resident_number"
    FOREIGN_NUMBER = "foreign_number"
    PHONE = "phone"
    EMAIL = "email"
    CARD = "card"
    ACCOUNT = "account"
    IBAN = "iban"
    SSN = "ssn"
    ADDRESS = "address"
    POSTCODE = "postcode"
    SECRET = "secret"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Finding:
    """A stretch of the text and what it is."""

    kind: Kind
    start: int
    end: int


Finder = Callable[[str], Iterator[Finding]]

_RESIDENT = re.compile(r"(?<![0-9])([0-9]{6})([-–\s]{0,3})([0-9]{7})(?![0-9])")
_RESIDENT_LABEL = re.compile(r"(?:주민|외국인|resident|rrn|registration)[^0-9\n]{0,30}$", re.IGNORECASE)
_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_MOBILE = re.compile(
    r"(?<![0-9])(?:\+?82[-.\s]?\(?0?\)?|0)1[016789][-.\s)]{0,2}[0-9]{3,4}[-.\s]?[0-9]{4}(?![0-9])"
)
_LANDLINE = re.compile(
    r"(?<![0-9])(?:\+?82[-.\s]?|\(?0)(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|80|50[2-8])"
    r"[-.\s)]{1,2}[0-9]{3,4}[-.\s][0-9]{4}(?![0-9])"
)
_LANDLINE_PLAIN = re.compile(
    r"(?<![0-9.])0(?:2[0-9]{7,8}|(?:3[1-3]|4[1-4]|5[1-5]|6[1-4]|70)[0-9]{7,8}|50[2-8][0-9]{7,8})(?![0-9.])"
)
_E164 = re.compile(r"(?<![0-9+])(?:\+|00)[1-9](?:[ .()/-]{0,2}[0-9]){7,14}(?![0-9])")
_AMERICAN = re.compile(
    r"(?<![0-9])(?:1[-. ])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[-. ])[2-9][0-9]{2}[-. ][0-9]{4}"
    r"(?: ?x[0-9]{1,5})?(?![0-9])"
)
_SSN = re.compile(r"(?<![0-9-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![0-9-])")
_DIGITS = re.compile(r"(?<![0-9])[0-9](?:[ -]?[0-9]){12,22}")
_ACCOUNT = re.compile(r"(?<![0-9-])[0-9]{2,6}-[0-9]{2,6}-[0-9]{2,7}(?:-[0-9]{1,3})?(?![0-9-])")
_ACCOUNT_LABELLED = re.compile(
    r"(?:계좌|예금주|통장|account|acct|a/c)[^0-9\n]{0,24}([0-9](?:[- ]?[0-9]){6,19})(?![0-9])", re.IGNORECASE
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?: ?[A-Za-z0-9]){11,30}")
_ROAD = re.compile(r"[가-힣]{1,10}(?:시|도|군|구) [가-힣0-9·]{1,15}(?:로|길) ?[0-9]{1,4}(?:-[0-9]{1,4})?")
_POSTCODE = re.compile(
    r"(?:우편번호|우\)|postcode|postal code|zip(?: code)?)[^0-9\n]{0,8}([0-9]{5})(?![0-9])", re.IGNORECASE
)

_SECRETS = (
    # One signed token: header, claims, signature.
    re.compile(r"eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{4,8000}\.[A-Za-z0-9_-]{0,2000}"),
    re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    re.compile(r"(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{30,255}"),
    re.compile(r"(?<![A-Za-z0-9])github_pat_[A-Za-z0-9_]{20,255}"),
    re.compile(r"(?<![A-Za-z0-9])xox[abprs]-[A-Za-z0-9-]{10,255}"),
    re.compile(r"(?<![A-Za-z0-9])(?:sk|pk|rk)[-_](?:live|test|proj|ant)?[-_]?[A-Za-z0-9_-]{16,255}"),
    re.compile(r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}"),
    re.compile(r"(?<![A-Za-z0-9])dos_[A-Za-z0-9]{4,40}_[A-Za-z0-9_-]{16,255}"),
)
_LABELLED_SECRETS = (
    re.compile(
        r"(?:api[_-]?key|secret|password|passwd|token|비밀번호)[\"']?\s{0,3}[:=]\s{0,3}[\"']?([^\s\"',;]{6,512})",
        re.IGNORECASE,
    ),
    re.compile(r"(?:Bearer|Basic) {1,3}([A-Za-z0-9._~+/=-]{12,4096})"),
    # A password inside a URL.
    re.compile(r"[a-z][a-z0-9+]{1,15}://[^\s:@/]{0,128}:([^\s@/]{1,256})@"),
)
_PEM_START = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----")


def _private_keys(text: str) -> Iterator[Finding]:
    position = 0
    while start := _PEM_START.search(text, position):
        end = _PEM_END.search(text, start.end())
        # A key that is cut off is still a key: everything after its start goes.
        position = end.end() if end else len(text)
        yield Finding(Kind.SECRET, start.start(), position)


def _secrets(text: str) -> Iterator[Finding]:
    for pattern in _SECRETS:
        for match in pattern.finditer(text):
            yield Finding(Kind.SECRET, match.start(), match.end())
    for pattern in _LABELLED_SECRETS:
        for match in pattern.finditer(text):
            yield Finding(Kind.SECRET, match.start(1), match.end(1))


def _residents(text: str) -> Iterator[Finding]:
    for match in _RESIDENT.finditer(text):
        digits = match.group(1) + match.group(3)
        if not checks.has_birth_date(digits):
            continue
        # Without a hyphen thirteen digits may be anything: then the check digit or a label must agree.
        bare = not match.group(2).strip()
        labelled = _RESIDENT_LABEL.search(text[max(0, match.start() - 48) : match.start()])
        if bare and not checks.passes_resident_checksum(digits) and not labelled:
            continue
        kind = Kind.FOREIGN_NUMBER if checks.is_foreign(digits) else Kind.RESIDENT_NUMBER
        yield Finding(kind, match.start(), match.end())


def _cards(text: str) -> Iterator[Finding]:
    for match in _DIGITS.finditer(text):
        piece = match.group()
        places = [index for index, character in enumerate(piece) if character.isdigit()]
        digits = "".join(piece[index] for index in places)
        for count in range(min(19, len(places)), 12, -1):
            stop = match.start() + places[count - 1] + 1
            if stop < len(text) and text[stop].isdigit():
                continue
            if checks.is_card(digits[:count]):
                yield Finding(Kind.CARD, match.start(), stop)
                break


def _accounts(text: str) -> Iterator[Finding]:
    for match in _ACCOUNT_LABELLED.finditer(text):
        yield Finding(Kind.ACCOUNT, match.start(1), match.end(1))
    for match in _ACCOUNT.finditer(text):
        # Ten digits at least: shorter groups are dates, versions and ranges.
        if 10 <= sum(character.isdigit() for character in match.group()) <= 16:
            yield Finding(Kind.ACCOUNT, match.start(), match.end())


def _ibans(text: str) -> Iterator[Finding]:
    for match in _IBAN.finditer(text):
        piece = match.group()
        # Words may follow in capitals: give up characters until the remainder is right.
        for stop in range(len(piece), 14, -1):
            if checks.passes_iban(piece[:stop]) and piece[stop - 1] != " ":
                yield Finding(Kind.IBAN, match.start(), match.start() + stop)
                break


def _plain(kind: Kind, *patterns: re.Pattern[str], group: int = 0) -> Finder:
    def find(text: str) -> Iterator[Finding]:
        for pattern in patterns:
            for match in pattern.finditer(text):
                yield Finding(kind, match.start(group), match.end(group))

    return find


# In order of precedence: what is certain and secret first, shapes that many things have last.
_DETECTORS: tuple[Finder, ...] = (
    _private_keys,
    _secrets,
    _plain(Kind.EMAIL, _EMAIL),
    _residents,
    _ibans,
    _cards,
    _plain(Kind.PHONE, _MOBILE, _LANDLINE, _E164, _LANDLINE_PLAIN, _AMERICAN),
    _plain(Kind.SSN, _SSN),
    _accounts,
    _plain(Kind.ADDRESS, _ROAD),
    _plain(Kind.POSTCODE, _POSTCODE, group=1),
)


def detect(text: str) -> list[Finding]:
    """Return what was found, in order of the text, without overlaps."""
    taken = bytearray(len(text))
    found: list[Finding] = []
    for finder in _DETECTORS:
        for finding in finder(text):
            if not any(taken[finding.start : finding.end]):
                taken[finding.start : finding.end] = b"\x01" * (finding.end - finding.start)
                found.append(finding)
    return sorted(found, key=lambda finding: finding.start)
