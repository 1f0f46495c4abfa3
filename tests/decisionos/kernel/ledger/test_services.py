"""Appending: one statement, what the digest covers, what is refused, who may change it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import hypothesis
import psycopg
import pytest
from django.conf import settings
from django.db import ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import strategies as st

from decisionos.kernel import canonical, correlation, errors
from decisionos.kernel.ledger import INSERT_ONLY, acting, rules, services
from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.ledger.services import Draft
from decisionos.kernel.tenants import scope

ONE, TWO = uuid.UUID(int=1), uuid.UUID(int=2)
PAYLOAD: dict[str, Any] = {
    "class": "approve",
    "confidence": 0.9,
    "big": 1e300,
    "reasons": ["가", "b"],
    "n": None,
}


def recomputed(entry: Entry) -> str:
    """The digest over the fields as the database has them."""
    return canonical.digest(
        rules.record(
            entry_id=entry.id,
            tenant_id=entry.tenant_id,
            occurred_at=rules.instant(entry.occurred_at),
            kind=entry.kind,
            subject_type=entry.subject_type,
            subject_id=entry.subject_id,
            actor=entry.actor,
            corr_id=entry.corr_id,
            payload=canonical.decode(
                Entry.objects.filter(pk=entry.pk).extra(select={"text": "payload::text"}).get().text
            ),
        )
    )


@pytest.mark.django_db
class TestAppend:
    """One entry."""

    @pytest.mark.requirement("A-M4")
    def test_is_one_statement_and_the_digest_covers_what_is_stored(self) -> None:
        with scope.tenant_scope(ONE), CaptureQueriesContext(connection) as queries:
            entry = services.append(
                kind="policy.decision", payload=PAYLOAD, subject_type="decision", subject_id="7"
            )
            assert len(queries) == 1
            stored = Entry.objects.get(pk=entry.pk)
            assert stored.digest == entry.digest == recomputed(stored)
            assert stored.xid > 0

    def test_notes_who_acts_and_the_correlation(self) -> None:
        correlation.enter("abc")
        with scope.tenant_scope(ONE), acting.acting("user:1"):
            entry = services.append(kind="a.b", payload={})
        assert (entry.actor, entry.corr_id) == ("user:1", "abc")
        assert acting.current() == ""

    def test_commits_or_goes_with_its_transaction(self) -> None:
        with scope.tenant_scope(ONE):
            with pytest.raises(RuntimeError), transaction.atomic():
                services.append(kind="a.b", payload={})
                raise RuntimeError
            assert Entry.objects.count() == 0

    @pytest.mark.parametrize(
        "wrong",
        [
            {"kind": "Not A Kind"},
            {"kind": ""},
            {"payload": []},
            {"payload": {"a": float("nan")}},
            {"payload": {"a": "\x00"}},
            {"subject_id": "x" * 121},
            {"actor": "a\x00b"},
            {"at": datetime(2026, 1, 1)},
            {"payload": {"a": 2**60}},
        ],
    )
    def test_refuses_what_cannot_be_kept_exactly(self, wrong: dict[str, Any]) -> None:
        with scope.tenant_scope(ONE), pytest.raises(errors.Invalid):
            services.append(**{"kind": "a.b", "payload": {}, **wrong})

    def test_refuses_a_payload_that_is_too_large(self) -> None:
        with scope.tenant_scope(ONE), pytest.raises(errors.TooLarge):
            services.append(kind="a.b", payload={"a": "x" * rules.MOST_PAYLOAD_BYTES})

    def test_needs_a_tenant(self) -> None:
        with pytest.raises(scope.TenantRequired):
            services.append(kind="a.b", payload={})

    def test_is_seen_by_its_tenant_only(self) -> None:
        with scope.tenant_scope(ONE):
            services.append(kind="a.b", payload={})
        with scope.tenant_scope(TWO):
            assert Entry.objects.count() == 0


@pytest.mark.django_db
class TestAppendMany:
    """Several entries."""

    def test_is_one_statement_and_keeps_every_value(self) -> None:
        with scope.tenant_scope(ONE):
            with CaptureQueriesContext(connection) as queries:
                written = services.append_many(
                    Draft("a.b", {**PAYLOAD, "i": i, "q": '"\\{,'}) for i in range(20)
                )
            assert len(queries) == 1
            for prepared in written:
                assert recomputed(Entry.objects.get(pk=prepared.id)) == prepared.digest

    def test_of_nothing_asks_nothing(self) -> None:
        with scope.tenant_scope(ONE), CaptureQueriesContext(connection) as queries:
            inside = len(queries)
            assert services.append_many([]) == []
            assert len(queries) == inside


@pytest.mark.django_db
class TestPrepare:
    """An entry inside somebody else's statement."""

    def test_gives_all_that_a_statement_needs(self) -> None:
        with scope.tenant_scope(ONE):
            prepared = services.prepare(Draft("a.b", PAYLOAD))
            with connection.cursor() as cursor:
                cursor.execute(
                    f"WITH e AS (INSERT INTO {services.INTO} VALUES ({services.PLACEHOLDERS}) RETURNING id) "
                    "SELECT id FROM e",
                    prepared.values,
                )
                assert cursor.fetchone()[0] == prepared.id
            assert recomputed(Entry.objects.get(pk=prepared.id)) == prepared.digest
            assert prepared.as_entry().payload == PAYLOAD


@pytest.mark.django_db
class TestRows:
    """Who may change what was written."""

    @pytest.mark.requirement("A-M4")
    @pytest.mark.parametrize("table", INSERT_ONLY)
    @pytest.mark.parametrize(
        "statement", ["UPDATE {} SET tenant_id = tenant_id", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
    )
    def test_cannot_be_changed_by_the_serving_role(self, table: str, statement: str) -> None:
        refused = pytest.raises(ProgrammingError, match=r"permission denied|insert-only")
        with scope.tenant_scope(ONE), refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement.format(table))

    @pytest.mark.parametrize("table", INSERT_ONLY)
    @pytest.mark.parametrize(
        "statement", ["UPDATE {} SET tenant_id = tenant_id", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
    )
    def test_cannot_be_changed_even_with_the_right_to(self, table: str, statement: str) -> None:
        with psycopg.connect(settings.DOS_OWNER_DSN) as owner:
            owner.execute(
                f"GRANT ALL ON {table}, kernel_ledger_seal, kernel_ledger_checkpoint TO dos_platform"
            )
            owner.execute("SET LOCAL ROLE dos_platform")
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="insert-only"):
                owner.execute(statement.format(table))
            owner.rollback()


class TestDigest:
    """The quick way to an entry's digest."""

    @hypothesis.given(
        payload=st.dictionaries(
            st.text(max_size=8).filter(lambda text: "\x00" not in text),
            st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9),
            max_size=4,
        ),
        actor=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20),
    )
    @hypothesis.settings(max_examples=200, deadline=None)
    def test_is_the_one_of_the_canonical_record(self, payload: dict[str, Any], actor: str) -> None:
        tenant = ONE
        at = datetime(2026, 1, 2, tzinfo=UTC)
        draft = Draft("test.made", payload, "thing", "1", actor, "c", at)
        prepared = services.prepare(draft, tenant_id=tenant)
        assert prepared.digest == canonical.digest(
            rules.record(
                entry_id=prepared.id, tenant_id=tenant, occurred_at=rules.instant(at), kind="test.made",
                subject_type="thing", subject_id="1", actor=actor, corr_id="c", payload=payload,
            )
        )  # fmt: skip
