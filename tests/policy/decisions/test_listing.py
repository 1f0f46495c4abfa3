"""Lists of decisions: exactly the rows that the filters describe, page by page, for the role in use."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisionos.kernel.tenants import scope
from decisionos.kernel.web.api import CursorInvalid
from policy.decisions import counting, listing
from policy.decisions.filters import FilterInvalid, Filters, Plain, from_query
from policy.decisions.models import Decision
from policy.decisions.statistics import folding
from tests.policy.decisions.conftest import GOLDEN, NOON, Desk

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])


def walk(filters: Filters, *, limit: int = 7) -> list[uuid.UUID]:
    """Read every page forwards."""
    found: list[uuid.UUID] = []
    cursor: str | None = ""
    while cursor is not None:
        page = listing.list_page(filters, cursor=cursor, limit=limit)
        found += [row.id for row in page.rows]
        cursor = page.next
    return found


def rules_of(row: Decision) -> set[str]:
    return {rule["rule"] for rule in row.rules_applied}


CASES: dict[str, tuple[Filters, Callable[[Decision], bool]]] = {
    "nothing": (Filters(), lambda row: True),
    "class": (Filters(classes=("approve",)), lambda row: row.decision_class == "approve"),
    "two classes": (Filters(classes=("approve", "reject")), lambda row: row.decision_class != "review"),
    "reason": (
        Filters(reasons=("credit_score_below_threshold",)),
        lambda row: "credit_score_below_threshold" in row.reasons,
    ),
    "contract that is not there": (Filters(contracts=("other",)), lambda row: False),
    "version": (Filters(versions=("1.0.0",)), lambda row: row.contract_version == "1.0.0"),
    "window": (
        Filters(start=NOON - timedelta(hours=3), end=NOON - timedelta(hours=1)),
        lambda row: NOON - timedelta(hours=3) <= row.decided_at < NOON - timedelta(hours=1),
    ),
    "actor": (Filters(actor="key:two"), lambda row: row.actor == "key:two"),
    "actor and class": (
        Filters(actor="key:two", classes=("review",)),
        lambda row: row.actor == "key:two" and row.decision_class == "review",
    ),
    "confidence": (
        Filters(confidence_min=0.6, confidence_max=0.9),
        lambda row: 0.6 <= row.confidence <= 0.9,
    ),
    "words": (
        Filters(search="credit score"),
        lambda row: "credit_score" in str((row.reasons, row.rules_applied)),
    ),
    "words and class": (
        Filters(search="lending", classes=("reject",)),
        lambda row: row.decision_class == "reject",
    ),
}


class TestListPage:
    @pytest.mark.parametrize("case", CASES)
    def test_gives_exactly_the_rows_described_in_the_order_of_time(self, desk: Desk, case: str) -> None:
        desk.fill(60)
        filters, wanted = CASES[case]
        with scope.tenant_scope(desk.tenant):
            assert walk(filters) == [row.id for row in desk.rows() if wanted(row)]

    def test_finds_by_a_rule_that_hit(self, desk: Desk) -> None:
        desk.fill(40)
        name = next(iter(rules_of(desk.rows()[0])))
        with scope.tenant_scope(desk.tenant):
            found = walk(Filters(rules=(name,)))
        assert found == [row.id for row in desk.rows() if name in rules_of(row)]

    def test_goes_back_the_way_it_came(self, desk: Desk) -> None:
        desk.fill(25)
        with scope.tenant_scope(desk.tenant):
            first = listing.list_page(Filters(), limit=10)
            second = listing.list_page(Filters(), cursor=first.next or "", limit=10)
            back = listing.list_page(Filters(), cursor=second.previous or "", limit=10)
        assert first.previous is None
        assert [row.id for row in back.rows] == [row.id for row in first.rows]
        assert (back.previous, back.is_first) == (None, True)
        assert back.next is not None

    def test_neither_repeats_nor_skips_where_many_share_a_moment(self, desk: Desk) -> None:
        for _ in range(5):
            for value in GOLDEN.values():
                desk.decide(value)
        with scope.tenant_scope(desk.tenant):
            found = walk(Filters(), limit=4)
        assert len(found) == len(set(found)) == 15

    def test_keeps_its_place_while_new_rows_arrive(self, desk: Desk) -> None:
        desk.fill(20)
        expected = [row.id for row in desk.rows()]
        with scope.tenant_scope(desk.tenant):
            page = listing.list_page(Filters(), limit=8)
        desk.decide(GOLDEN["approve"], at=NOON + timedelta(minutes=5))
        with scope.tenant_scope(desk.tenant):
            rest = listing.list_page(Filters(), cursor=page.next or "", limit=100)
        assert [row.id for row in page.rows + rest.rows] == expected

    def test_opens_one_thing_by_any_of_its_names(self, desk: Desk) -> None:
        wanted = desk.decide(GOLDEN["approve"], trace="trace-77", subject="A-20914")
        desk.fill(10)
        row = next(row for row in desk.rows() if row.id == wanted)
        with scope.tenant_scope(desk.tenant):
            for text in (str(wanted), str(row.ledger_entry_id), "trace-77", "A-20914"):
                assert walk(Filters(search=text)) == [wanted], text
            assert walk(Filters(trace="trace-77")) == walk(Filters(subject="A-20914")) == [wanted]
            assert (
                walk(Filters(ledger_id=row.ledger_entry_id)) == walk(Filters(decision_id=wanted)) == [wanted]
            )
            assert walk(Filters(search=str(uuid.uuid4()))) == walk(Filters(ledger_id=uuid.uuid4())) == []

    def test_gives_the_same_where_there_are_too_many_patterns_to_list(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.fill(40)
        cases = {name: case for name, case in CASES.items() if "words" not in name}
        with scope.tenant_scope(desk.tenant):
            expected = {name: walk(filters) for name, (filters, _) in cases.items()}
            by_words = walk(Filters(search="credit_score"))
            monkeypatch.setattr(listing, "MOST_PATTERNS", 1)
            assert {name: walk(filters) for name, (filters, _) in cases.items()} == expected
            assert walk(Filters(search="credit_score")) == by_words
            monkeypatch.setattr(listing, "MOST_PATTERNS", 3_000)
            monkeypatch.setattr(listing, "MOST_MERGED", 1)
            assert {name: walk(filters) for name, (filters, _) in cases.items()} == expected

    @pytest.mark.requirement("F-M1")
    def test_shows_nothing_of_another_organization(self, desk: Desk) -> None:
        wanted = desk.decide(GOLDEN["approve"], trace="trace-1")
        row = desk.rows()[0]
        other = Desk()
        with scope.tenant_scope(other.tenant):
            for filters in (
                Filters(),
                Filters(classes=("approve",)),
                Filters(search="trace-1"),
                Filters(decision_id=wanted),
                Filters(ledger_id=row.ledger_entry_id),
            ):
                assert listing.list_page(filters).rows == []
                assert counting.count(filters).value == 0

    @pytest.mark.parametrize("cursor", ["x", "bm90IGEgY3Vyc29y", "AAAA", "é", "bnwyMDI2LTExLTAxfDEx"])
    def test_refuses_a_cursor_that_was_never_given_out(self, desk: Desk, cursor: str) -> None:
        with scope.tenant_scope(desk.tenant), pytest.raises(CursorInvalid):
            listing.list_page(Filters(), cursor=cursor)


class TestCount:
    def test_is_exact_where_there_are_few(self, desk: Desk) -> None:
        desk.fill(30)
        with scope.tenant_scope(desk.tenant):
            for filters, wanted in CASES.values():
                found = counting.count(filters)
                assert (found.value, found.is_exact) == (sum(map(wanted, desk.rows())), True)

    def test_needs_no_look_where_the_page_holds_all(self, desk: Desk, django_assert_num_queries: Any) -> None:
        desk.fill(5)
        with scope.tenant_scope(desk.tenant):
            page = listing.list_page(Filters(), limit=10)
            with django_assert_num_queries(0):
                assert counting.count(Filters(), page=page) == counting.Count(5)

    @pytest.mark.parametrize(
        "filters",
        [
            Filters(),
            Filters(classes=("approve",)),
            Filters(start=NOON - timedelta(hours=4, minutes=25), end=NOON - timedelta(minutes=40)),
            Filters(start=NOON - timedelta(minutes=50), end=NOON - timedelta(minutes=10)),
        ],
    )
    def test_comes_from_the_hours_and_their_edges_where_there_are_many(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch, filters: Filters
    ) -> None:
        desk.fill(60)
        desk.seal()
        folding.fold_pending(desk.tenant)
        monkeypatch.setattr(counting, "MOST_COUNTED", 2)
        with scope.tenant_scope(desk.tenant):
            found = counting.count(filters)
            assert found == counting.Count(len(walk(filters)), is_exact=False)

    def test_is_an_estimate_that_says_so_where_the_hours_do_not_know(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.fill(20)
        monkeypatch.setattr(counting, "MOST_COUNTED", 2)
        with scope.tenant_scope(desk.tenant):
            found = counting.count(Filters(confidence_min=0.1))
        assert found.value >= 3
        assert not found.is_exact


_TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Z")), min_size=1, max_size=12)
_MANY = st.lists(_TEXT, max_size=3, unique=True).map(lambda items: tuple(sorted(items)))
_TIME = st.datetimes(
    datetime.datetime(2020, 1, 1), datetime.datetime(2030, 1, 1), timezones=st.just(datetime.UTC)
)


class TestFilters:
    @settings(deadline=None, max_examples=60)
    @given(
        st.builds(
            Filters,
            contracts=_MANY,
            reasons=_MANY,
            rules=_MANY,
            actor=st.just("") | _TEXT,
            search=st.just("") | _TEXT,
            start=st.none() | _TIME,
            confidence_min=st.none() | st.sampled_from([0.0, 0.25, 0.5, 1.0]),
            decision_id=st.none() | st.uuids(),
        )
    )
    def test_stand_in_an_address_and_come_back(self, filters: Filters) -> None:
        pairs: dict[str, list[str]] = {}
        for name, value in filters.as_pairs():
            pairs.setdefault(name, []).append(value)
        assert from_query(Plain.of(pairs)) == filters

    @pytest.mark.parametrize(
        ("query", "pointer"),
        [
            ({"class": "maybe"}, "/class"),
            ({"from": "yesterday"}, "/from"),
            ({"from": "2026-01-01T00:00:00"}, "/from"),
            ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "/to"),
            ({"confidence_min": "nan"}, "/confidence_min"),
            ({"confidence_max": "2"}, "/confidence_max"),
            ({"id": "1"}, "/id"),
            ({"q": "a\x00b"}, "/q"),
            ({"actor": "a" * 201}, "/actor"),
            ({"reason": [str(n) for n in range(21)]}, "/reason"),
        ],
    )
    def test_are_refused_by_name_where_they_cannot_be_understood(
        self, query: dict[str, Any], pointer: str
    ) -> None:
        with pytest.raises(FilterInvalid) as caught:
            from_query(Plain.of(query))
        assert [problem["pointer"] for problem in caught.value.errors] == [pointer]

    def test_can_be_taken_away_one_by_one(self) -> None:
        filters = Filters(classes=("approve",), search="x", start=NOON)
        assert filters.without("class").without("q").without("from").is_empty

    def test_hide_whom_they_search_for_from_the_ledger(self) -> None:
        noted = Filters(subject="900101-1234567", search="Kim", classes=("reject",)).as_json()
        assert noted == {"class": ["reject"], "subject": "given", "q": "given"}
