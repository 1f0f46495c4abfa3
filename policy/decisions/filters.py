"""What decisions somebody wants to see: the state of a list, as it stands in an address.

What must stay true: a filter that cannot be understood is refused by its name, never left out in silence;
``as_query`` and ``from_query`` are each other's inverse, so that a link always opens the same rows.
"""

from __future__ import annotations

import datetime
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import urlencode

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from decisionos.kernel import errors
from policy.decisions.enums import DecisionClass

MOST_VALUES, MOST_CHARACTERS = 20, 200
# Fields of a filter that several values may be given for, by the name they have in an address.
_MANY = {
    "contract": "contracts",
    "version": "versions",
    "class": "classes",
    "reason": "reasons",
    "rule": "rules",
    "environment": "environments",
}
_TEXTS = {"actor": "actor", "subject": "subject", "trace": "trace", "q": "search"}
_TIMES = {"from": "start", "to": "end"}
_NUMBERS = {"confidence_min": "confidence_min", "confidence_max": "confidence_max"}
_IDS = {"id": "decision_id", "ledger": "ledger_id"}
NAMES = (*_MANY, *_TEXTS, *_TIMES, *_NUMBERS, *_IDS)


class FilterInvalid(errors.Invalid):
    """A filter cannot be understood."""

    code = "filter_invalid"
    title = "A filter is not acceptable"


class Query(Protocol):
    """The parameters of an address, such as Django's QueryDict."""

    def getlist(self, key: str, /) -> list[Any]:
        """Return every value of a parameter."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to; an empty field narrows nothing. ``start`` is included, ``end`` is not."""

    contracts: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    start: datetime.datetime | None = None
    end: datetime.datetime | None = None
    actor: str = ""
    subject: str = ""
    trace: str = ""
    search: str = ""
    confidence_min: float | None = None
    confidence_max: float | None = None
    decision_id: uuid.UUID | None = None
    ledger_id: uuid.UUID | None = None

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is narrowed."""
        return self == Filters()

    @property
    def has_kind(self) -> bool:
        """Return whether contract, version, class, reason, rule or environment is narrowed."""
        return any(getattr(self, name) for name in _MANY.values())

    @property
    def is_counted(self) -> bool:
        """Return whether the hourly counts know the answer: only kind and time are narrowed."""
        plain = Filters(**{name: getattr(self, name) for name in (*_MANY.values(), "start", "end")})
        return self == plain

    def without(self, name: str) -> Filters:
        """Return the same filters with one of them, by its name in an address, taken away."""
        field = {**_MANY, **_TEXTS, **_TIMES, **_NUMBERS, **_IDS}[name]
        empty: Any = getattr(Filters(), field)
        return replace(self, **{field: empty})

    def as_pairs(self) -> list[tuple[str, str]]:
        """Return the filters as the parameters of an address."""
        pairs = [(name, text) for name, field in _MANY.items() for text in getattr(self, field)]
        pairs += [(name, getattr(self, field)) for name, field in _TEXTS.items() if getattr(self, field)]
        for name, field in _TIMES.items():
            moment = getattr(self, field)
            if moment is not None:
                pairs.append((name, moment.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")))
        for name, field in {**_NUMBERS, **_IDS}.items():
            value = getattr(self, field)
            if value is not None:
                pairs.append((name, f"{value:g}" if isinstance(value, float) else str(value)))
        return pairs

    def as_query(self) -> str:
        """Return the filters as the query of an address, without the question mark."""
        return urlencode(self.as_pairs())

    def as_json(self) -> dict[str, Any]:
        """Return the filters for a ledger entry, whom they search for left out."""
        found: dict[str, Any] = {}
        for name, text in self.as_pairs():
            shown = "given" if name in {"subject", "q"} else text
            found[name] = [*found.get(name, []), shown] if name in _MANY else shown
        return found


class _Reading:
    """Reads parameters one by one and gathers what is wrong with them."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.problems: list[dict[str, str]] = []

    def last(self, name: str) -> str:
        values = self.query.getlist(name)
        return str(values[-1] or "") if values else ""

    def wrong(self, name: str, message: str) -> None:
        self.problems.append({"pointer": f"/{name}", "message": message})

    def text(self, name: str, value: Any) -> str:
        text = str(value).strip()
        if len(text) > MOST_CHARACTERS or "\x00" in text:
            self.wrong(name, _("must be text of at most {most} characters").format(most=MOST_CHARACTERS))
            return ""
        return text

    def many(self, name: str) -> tuple[str, ...]:
        texts = (self.text(name, value) for value in self.query.getlist(name))
        found = tuple(sorted({text for text in texts if text}))
        if len(found) > MOST_VALUES:
            self.wrong(name, _("takes at most {most} values").format(most=MOST_VALUES))
        return found

    def time(self, name: str) -> datetime.datetime | None:
        text = self.last(name)
        if not text:
            return None
        try:
            # A plus sign that was not escaped arrives as a blank.
            found = parse_datetime(text.replace(" ", "+"))
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            self.wrong(name, _("must be a time with its zone, such as 2026-01-31T00:00:00Z"))
            return None
        return found

    def number(self, name: str) -> float | None:
        text = self.last(name).strip()
        if not text:
            return None
        try:
            found = float(text)
        except ValueError:
            found = math.nan
        if not 0 <= found <= 1:
            self.wrong(name, _("must be a number from 0 to 1"))
            return None
        return found

    def id(self, name: str) -> uuid.UUID | None:
        text = self.last(name).strip()
        if not text:
            return None
        try:
            return uuid.UUID(text)
        except ValueError:
            self.wrong(name, _("must be an id"))
            return None


def from_query(query: Query) -> Filters:
    """Return the filters that an address states; raises FilterInvalid naming each wrong one."""
    reading = _Reading(query)
    values: dict[str, Any] = {field: reading.many(name) for name, field in _MANY.items()}
    values |= {field: reading.text(name, reading.last(name)) for name, field in _TEXTS.items()}
    values |= {field: reading.time(name) for name, field in _TIMES.items()}
    values |= {field: reading.number(name) for name, field in _NUMBERS.items()}
    values |= {field: reading.id(name) for name, field in _IDS.items()}
    unknown = sorted(set(values["classes"]) - set(DecisionClass.values))
    if unknown:
        reading.wrong("class", _("must be one of {classes}").format(classes=", ".join(DecisionClass.values)))
    start, end = values["start"], values["end"]
    if start is not None and end is not None and start >= end:
        reading.wrong("to", _("must be later than from"))
    if reading.problems:
        raise FilterInvalid(_("A filter is not acceptable."), errors=list(reading.problems))
    return Filters(**values)


class Plain(dict[str, Sequence[str]]):
    """Parameters held in a plain mapping, for callers without a request."""

    @classmethod
    def of(cls, values: Mapping[str, str | Sequence[str]]) -> Plain:
        """Return the parameters with every value as a list."""
        return cls({name: [item] if isinstance(item, str) else list(item) for name, item in values.items()})

    def getlist(self, key: str, /) -> list[Any]:
        """Return every value of a parameter."""
        return list(self.get(key) or [])
