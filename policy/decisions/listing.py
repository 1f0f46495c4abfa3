"""Pages of decisions, newest first, under any filters, in a few milliseconds whatever the number of rows.

How: contract, version, environment, class, reasons and rules of a decision are one number (``pattern``), and
an organization has few different ones. A loose scan of the index finds them; the filters choose among them;
each chosen one gives its newest rows by an index-only scan, and the newest of all are merged. What must stay
true: a page holds exactly the rows that the filters describe, in the order (decided_at, id) descending, and
paging neither repeats nor leaves out a row that stood when the first page was read.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.db import connection
from django.utils.translation import gettext as _

from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.tenants import scope
from decisionos.kernel.web.api import CursorInvalid
from policy.decisions.filters import Filters
from policy.decisions.models import Decision
from tenancy.privacy import references

MOST_ROWS, DEFAULT_ROWS = 500, 50
# Beyond this many patterns rows are judged one by one in the order of time: then most of them match.
MOST_MERGED, MOST_PATTERNS = 300, 3_000
# What a list has no use for; sealed input and versions are the bulk of a row.
HEAVY = ("sealed", "versions", "not_evaluated", "fingerprint", "idempotency_key", "rules_applied")


@dataclass(frozen=True, slots=True)
class Pattern:
    """What all decisions of one number have in common."""

    key: int
    contract: str
    version: str
    environment: str
    decision_class: str
    reasons: tuple[str, ...]
    rules: tuple[str, ...]

    def matches(self, filters: Filters) -> bool:
        """Return whether these decisions are wanted."""
        return (
            (not filters.contracts or self.contract in filters.contracts)
            and (not filters.versions or self.version in filters.versions)
            and (not filters.environments or self.environment in filters.environments)
            and (not filters.classes or self.decision_class in filters.classes)
            and (not filters.reasons or not set(filters.reasons).isdisjoint(self.reasons))
            and (not filters.rules or not set(filters.rules).isdisjoint(self.rules))
        )

    def says(self, words: Iterable[str]) -> bool:
        """Return whether every word occurs in the contract, the class, a reason or a rule."""
        text = " ".join((self.contract, self.version, self.decision_class, *self.reasons, *self.rules))
        text = text.lower()
        text = f"{text} {text.replace('_', ' ')}"
        return all(word in text for word in words)


@dataclass(frozen=True, slots=True)
class Known:
    """Every pattern of an organization, or none of them where there are too many to list."""

    patterns: tuple[Pattern, ...]
    is_whole: bool = True

    def values(self, name: str) -> list[str]:
        """Return the different values of a field, for a filter's menu."""
        found: set[str] = set()
        for item in self.patterns:
            value = getattr(item, name)
            found.update(value if isinstance(value, tuple) else [value])
        return sorted(found - {""})


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows and where the ones before and after them are."""

    rows: list[Decision]
    next: str | None
    previous: str | None
    is_first: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """A row's place in the order of time."""

    decided_at: datetime.datetime
    id: uuid.UUID
    backwards: bool = False

    def as_text(self) -> str:
        """Return the place as a cursor."""
        moment = self.decided_at.astimezone(datetime.UTC).isoformat()
        text = f"{'p' if self.backwards else 'n'}|{moment}|{self.id.hex}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Place:
        """Return the place that a cursor names; raises CursorInvalid."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
            way, moment, identifier = raw.split("|")
            place = cls(datetime.datetime.fromisoformat(moment), uuid.UUID(hex=identifier), way == "p")
        except (ValueError, binascii.Error) as error:
            raise _no_page() from error
        if place.decided_at.tzinfo is None or way not in {"n", "p"}:
            raise _no_page()
        return place


def _no_page() -> CursorInvalid:
    told = _("must be one that next or previous gave")
    return CursorInvalid(errors=[{"pointer": "/cursor", "message": told}])


_PATTERNS = """
WITH RECURSIVE k AS (
    (SELECT d.pattern, d.id FROM policy_decisions_decision d WHERE d.tenant_id = %(tenant)s
     ORDER BY d.pattern LIMIT 1)
    UNION ALL
    SELECT n.pattern, n.id FROM k CROSS JOIN LATERAL (
        SELECT d.pattern, d.id FROM policy_decisions_decision d
        WHERE d.tenant_id = %(tenant)s AND d.pattern > k.pattern ORDER BY d.pattern LIMIT 1) n
)
SELECT k.pattern, d.contract, d.contract_version, d.environment, d.decision_class, d.reasons,
       jsonb_path_query_array(d.rules_applied, '$[*].rule')::text
FROM (SELECT * FROM k LIMIT %(most)s) k JOIN policy_decisions_decision d ON d.id = k.id
"""


def known_patterns() -> Known:
    """Return every pattern that a decision of the organization in force has."""
    with connection.cursor() as cursor:
        cursor.execute(_PATTERNS, {"tenant": scope.require(), "most": MOST_PATTERNS + 1})
        rows = cursor.fetchall()
    if len(rows) > MOST_PATTERNS:
        return Known((), is_whole=False)
    return Known(tuple(_pattern(*row) for row in rows))


def _pattern(
    key: int,
    contract: str,
    version: str,
    environment: str,
    decision_class: str,
    reasons: list[str],
    rules: str,
) -> Pattern:
    return Pattern(
        key, contract, version, environment, decision_class, tuple(reasons), tuple(orjson.loads(rules))
    )


@dataclass(slots=True)
class _Conditions:
    """The parts of a WHERE clause and their parameters."""

    parts: list[str] = field(default_factory=lambda: ["d.tenant_id = %(tenant)s"])
    values: dict[str, Any] = field(default_factory=dict)

    def add(self, part: str, **values: Any) -> None:
        self.parts.append(part)
        self.values |= values

    def text(self) -> str:
        return " AND ".join(self.parts)


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters made ready for the database: which patterns, which conditions besides."""

    where: str
    values: dict[str, Any]
    patterns: list[int] | None = None

    @property
    def is_nothing(self) -> bool:
        """Return whether no row can match."""
        return self.patterns == []


_KIND_COLUMNS = {
    "contracts": "d.contract = ANY(%(contracts)s)",
    "versions": "d.contract_version = ANY(%(versions)s)",
    "environments": "d.environment = ANY(%(environments)s)",
    "classes": "d.decision_class = ANY(%(classes)s)",
    "reasons": "d.reasons::text[] && %(reasons)s::text[]",
    "rules": "EXISTS (SELECT 1 FROM jsonb_array_elements(d.rules_applied) r "
    "WHERE r ->> 'rule' = ANY(%(rules)s))",
}
_RANGES = {
    "start": "d.decided_at >= %(start)s",
    "end": "d.decided_at < %(end)s",
    "confidence_min": "d.confidence >= %(confidence_min)s",
    "confidence_max": "d.confidence <= %(confidence_max)s",
    "actor": "d.actor = %(actor)s",
    "trace": "d.corr_id = %(trace)s",
    "subjects": "d.subject_ref = ANY(%(subjects)s)",
    "decision_id": "d.id = %(decision_id)s",
}


def select(filters: Filters, *, known: Known | None = None) -> Selection:
    """Make filters ready; the patterns are looked up where they are needed and not given."""
    conditions = _Conditions(values={"tenant": scope.require()})
    for name, part in _RANGES.items():
        value = subject_keys(filters.subject) if name == "subjects" else getattr(filters, name)
        if value not in (None, "", []):
            conditions.add(part, **{name: value})
    if filters.ledger_id is not None:
        conditions.add("d.id = %(ledger_decision)s", ledger_decision=_decision_of(filters.ledger_id))
    exact = exact_search(filters.search)
    if exact is not None:
        conditions.add(exact[0], **exact[1])
    words = filters.search.lower().split() if exact is None else []
    chosen: list[int] | None = None
    if filters.has_kind or words:
        known = known or known_patterns()
        if known.is_whole:
            chosen = [item.key for item in known.patterns if item.matches(filters) and item.says(words)]
        else:
            _add_kind(conditions, filters, words)
    return Selection(conditions.text(), conditions.values, chosen)


def _add_kind(conditions: _Conditions, filters: Filters, words: Sequence[str]) -> None:
    """Judge row by row what is otherwise chosen by pattern: the way of an organization with very many."""
    for name, part in _KIND_COLUMNS.items():
        if getattr(filters, name):
            conditions.add(part, **{name: list(getattr(filters, name))})
    for number, word in enumerate(words):
        # The word is looked for, not a pattern: strpos knows no wildcard.
        text = "d.contract || ' ' || array_to_string(d.reasons, ' ') || ' ' || d.rules_applied::text"
        conditions.add(f"strpos(lower({text}), %(word{number})s) > 0", **{f"word{number}": word})


def exact_search(text: str) -> tuple[str, dict[str, Any]] | None:
    """Return the condition of a search that names one thing: an id, a trace or a subject; None for words."""
    if not text:
        return None
    try:
        identifier = uuid.UUID(text)
    except ValueError:
        identifier = None
    if identifier is not None:
        found = {identifier, _decision_of(identifier)} - {None}
        return "(d.id = ANY(%(named)s) OR d.corr_id = %(text)s)", {"named": list(found), "text": text}
    rows = Decision.objects.filter(tenant_id=scope.require())
    if rows.filter(corr_id=text).exists():
        return "d.corr_id = %(text)s", {"text": text}
    keys = subject_keys(text)
    if rows.filter(subject_ref__in=keys).exclude(subject_ref="").exists():
        return "d.subject_ref = ANY(%(subjects)s)", {"subjects": keys}
    return None


def subject_keys(text: str) -> list[str]:
    """Return how a decision may name the subject that somebody typed: by the reference, or by its hash."""
    if not text:
        return []
    named = Decision.objects.filter(tenant_id=scope.require(), subject_ref__gt="")
    if not named.exclude(subject_ref="").exists():
        # Nobody is known here yet: looking must not be what makes the organization's secret.
        return [text]
    try:
        return [text, references.reference_of(scope.require(), text)]
    except references.ReferencesShredded:
        return [text]


def _decision_of(ledger_id: uuid.UUID) -> uuid.UUID | None:
    """Return the decision that a ledger entry records."""
    entries = Entry.objects.filter(tenant_id=scope.require(), id=ledger_id, subject_type="decision")
    text = entries.values_list("subject_id", flat=True).first()
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        return None


def _keys(selection: Selection, place: Place | None, most: int) -> list[tuple[datetime.datetime, uuid.UUID]]:
    """Return the places of at most ``most`` rows after ``place``, in reading order."""
    backwards = place is not None and place.backwards
    order = "ASC" if backwards else "DESC"
    where, values = selection.where, {**selection.values, "most": most}
    if place is not None:
        where += f" AND (d.decided_at, d.id) {'>' if backwards else '<'} (%(at)s, %(last)s)"
        values |= {"at": place.decided_at, "last": place.id}
    sorting = f"ORDER BY d.decided_at {order}, d.id {order} LIMIT %(most)s"
    one = f"SELECT d.decided_at, d.id FROM policy_decisions_decision d WHERE {where}"
    if selection.patterns is None:
        statement = f"{one} {sorting}"
    elif len(selection.patterns) > MOST_MERGED or not _goes_by_time(selection):
        statement = f"{one} AND d.pattern = ANY(%(patterns)s) {sorting}"
    else:
        statement = (
            f"SELECT d.decided_at, d.id FROM unnest(%(patterns)s::bigint[]) AS p(pattern) CROSS JOIN LATERAL "
            f"({one} AND d.pattern = p.pattern {sorting}) d {sorting}"
        )
    values["patterns"] = selection.patterns or []
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found: list[tuple[datetime.datetime, uuid.UUID]] = cursor.fetchall()
    return found[::-1] if backwards else found


_NARROW = {"actor", "trace", "subjects", "decision_id", "ledger_decision", "named", "text"}


def _goes_by_time(selection: Selection) -> bool:
    """Return whether only kind, time and confidence narrow: then each pattern is asked for its newest."""
    return _NARROW.isdisjoint(selection.values)


def list_page(
    filters: Filters,
    *,
    cursor: str = "",
    limit: int = DEFAULT_ROWS,
    known: Known | None = None,
    defer: Sequence[str] = HEAVY,
) -> Page:
    """Return one page under filters; raises CursorInvalid. To be read within the tenant's scope."""
    place = Place.read(cursor) if cursor else None
    limit = max(1, min(limit, MOST_ROWS))
    selection = select(filters, known=known)
    if selection.is_nothing:
        return Page([], None, None, is_first=place is None)
    keys = _keys(selection, place, limit + 1)
    backwards = place is not None and place.backwards
    more = len(keys) > limit
    keys = (keys[1:] if backwards else keys[:limit]) if more else keys
    rows = rows_of([key for _, key in keys], defer=defer)
    has_next, has_previous = (True, more) if backwards else (more, place is not None)
    return Page(
        rows,
        Place(rows[-1].decided_at, rows[-1].id).as_text() if rows and has_next else None,
        Place(rows[0].decided_at, rows[0].id, backwards=True).as_text() if rows and has_previous else None,
        is_first=not has_previous,
    )


def rows_of(keys: Sequence[uuid.UUID], *, defer: Sequence[str] = HEAVY) -> list[Decision]:
    """Return the decisions of these ids, in their order."""
    found = Decision.objects.filter(tenant_id=scope.require()).defer(*defer).in_bulk(list(keys))
    return [found[key] for key in keys if key in found]
