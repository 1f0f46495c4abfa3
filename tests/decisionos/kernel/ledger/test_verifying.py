"""Verification in the database: whatever a hand with all rights changes is found and named."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from decisionos.kernel import clock
from decisionos.kernel.keys import services as keys
from decisionos.kernel.ledger import reading, rules, sealing, services, verifying
from decisionos.kernel.ledger.models import Checkpoint
from decisionos.kernel.ledger.verifying import Verification
from decisionos.kernel.tenants import scope
from tests.decisionos.kernel.ledger.conftest import TENANT, fill

SIZE = 8


def verified() -> Verification:
    """The findings; the strict look alone, and a look in short stretches, must find the same."""
    moment = clock.now()
    with scope.tenant_scope(TENANT):
        found = verifying.verify_ledger(now=moment)
        assert verifying.verify_ledger(now=moment, strict=True) == found
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reading, "STRETCH", 3)
            assert verifying.verify_ledger(now=moment) == found
    return found


@pytest.mark.django_db(transaction=True)
class TestVerifyLedger:
    """The chain after a hand was laid on it."""

    @pytest.mark.requirement("A-M4")
    def test_finds_a_good_chain_good(self) -> None:
        fill(5)
        fill(3, start=5)
        result = verified()
        assert result.is_consistent, result
        assert (result.entries, result.checkpoints) == (8, 2)
        with scope.tenant_scope(TENANT):
            assert result.root == Checkpoint.objects.get(size=8).root

    @pytest.mark.requirement("A-M4")
    @pytest.mark.parametrize(
        "change",
        [
            "payload = jsonb_set(payload, '{n}', '99')",
            "actor = 'somebody'",
            "kind = 'test.other'",
            "occurred_at = occurred_at + interval '1 microsecond'",
            # The same day, that many years before Christ: written without its era it would look the same.
            f"occurred_at = occurred_at - interval '{2 * clock.now().year - 1} years'",
            "payload = payload || jsonb_build_object('more', NULL)",
            "payload = jsonb_set(payload, '{share}', '0.50000001')",
            """actor = 'x","at":"' || to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY')""",
            "subject_id = 'x'",
            "corr_id = 'x'",
            "digest = repeat('0', 64)",
        ],
    )
    def test_names_an_edited_entry(self, owner: psycopg.Connection, change: str) -> None:
        ids = fill(SIZE)
        owner.execute(
            sql.SQL("UPDATE kernel_ledger_entry SET {} WHERE id = %s").format(sql.SQL(change)), [ids[4]]
        )  # type: ignore[arg-type]
        broken = verified().first_broken
        assert broken is not None
        assert (broken.seq, broken.entry_id, broken.reason) == (5, str(ids[4]), "edited")

    def test_calls_a_moment_without_end_unreadable(self, owner: psycopg.Connection) -> None:
        ids = fill(SIZE)
        owner.execute("UPDATE kernel_ledger_entry SET occurred_at = 'infinity' WHERE id = %s", [ids[4]])
        broken = verified().first_broken
        assert broken is not None
        assert (broken.seq, broken.reason) == (5, "unreadable")

    @pytest.mark.parametrize("at", [1, 3, 4, 6, 7, SIZE])
    def test_names_a_deleted_entry_wherever_it_was(self, owner: psycopg.Connection, at: int) -> None:
        ids = fill(SIZE)
        owner.execute("DELETE FROM kernel_ledger_seal WHERE entry_id = %s", [ids[at - 1]])
        owner.execute("DELETE FROM kernel_ledger_entry WHERE id = %s", [ids[at - 1]])
        broken = verified().first_broken
        assert broken is not None
        assert broken.seq == at

    @pytest.mark.parametrize(
        "payload",
        [
            {"large": 1e300, "small": 1e-7, "whole": 1.0, "edge": 2.0**53, "none": None},
            {"\U00010000": 1, "\ufb33": 2},
            {"text": 'a "quoted" \\ word\n\t\u0001\x7f', "nested": [[{"a": [None, True, -0.5]}]]},
            {"line separator": "\u2028", "emoji": "👩‍💻", "값": "한글"},
        ],
    )
    def test_finds_what_is_written_unusually_good(self, payload: dict[str, object]) -> None:
        with scope.tenant_scope(TENANT):
            services.append(
                kind="a.b",
                payload=payload,
                actor='user:"x"\\ \t\n\x01\x7f\\N',
                subject_type="\\N",
                subject_id="값 👩‍💻\r\v\f\b",
                corr_id='","at":"',
            )
            services.append(kind="a.c", payload={"plain": 1})
        sealing.seal_pending(TENANT)
        assert verified().is_consistent

    def test_does_not_take_a_sealer_at_work_for_a_broken_chain(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fill(4)
        known = keys.public_keys
        with scope.tenant_scope(TENANT):
            services.append(kind="a.b", payload={})

            def meanwhile(purpose: str) -> list[keys.PublicKey]:
                sealing.seal_pending(TENANT)
                return known(purpose)

            monkeypatch.setattr(keys, "public_keys", meanwhile)
            result = verifying.verify_ledger()
        assert result.is_consistent, result
        assert result.entries == 4

    def test_knows_a_key_that_was_made_after_it_began(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fill(4)
        keys.rotate_key(rules.PURPOSE)
        fill(4, start=4)
        known = keys.public_keys
        answers = [known(rules.PURPOSE)[:1]]
        monkeypatch.setattr(keys, "public_keys", lambda purpose: answers.pop() if answers else known(purpose))
        with scope.tenant_scope(TENANT):
            assert verifying.verify_ledger().is_consistent

    def test_names_the_first_of_two_exchanged_entries(self, owner: psycopg.Connection) -> None:
        ids = fill(SIZE)
        owner.execute("UPDATE kernel_ledger_seal SET seq = 100 WHERE entry_id = %s", [ids[2]])
        owner.execute("UPDATE kernel_ledger_seal SET seq = 3 WHERE entry_id = %s", [ids[5]])
        owner.execute("UPDATE kernel_ledger_seal SET seq = 6 WHERE entry_id = %s", [ids[2]])
        broken = verified().first_broken
        assert broken is not None
        assert (broken.seq, broken.reason) == (3, "unlinked")

    def test_finds_a_chain_that_was_computed_anew(self, owner: psycopg.Connection) -> None:
        ids = fill(SIZE)
        with scope.tenant_scope(TENANT):
            forged = services.prepare(services.Draft("test.event", {"n": 1000}))
        owner.execute("DELETE FROM kernel_ledger_seal")
        owner.execute("DELETE FROM kernel_ledger_entry WHERE id = %s", [ids[3]])
        insert = f"INSERT INTO {services.INTO} VALUES ({services.PLACEHOLDERS})"
        owner.execute(insert, forged.values)  # type: ignore[arg-type]
        order = [*ids[:3], forged.id, *ids[4:]]
        head = "0" * 64
        for seq, entry_id in enumerate(order, 1):
            digest = owner.execute(
                "SELECT digest FROM kernel_ledger_entry WHERE id = %s", [entry_id]
            ).fetchone()
            prev, head = head, rules.chain(head, digest[0])  # type: ignore[index]
            owner.execute(
                "INSERT INTO kernel_ledger_seal (id, tenant_id, seq, prev, curr, entry_id) "
                "VALUES (gen_random_uuid(), %s, %s, %s, %s, %s)",
                [TENANT, seq, prev, head, entry_id],
            )
        broken = verified().first_broken
        assert broken is not None
        assert broken.reason == "checkpoint"

    def test_finds_an_end_that_was_cut_off(self, owner: psycopg.Connection) -> None:
        fill(5)
        fill(3, start=5)
        owner.execute("DELETE FROM kernel_ledger_seal WHERE seq > 6")
        broken = verified().first_broken
        assert broken is not None
        assert (broken.seq, broken.reason) == (7, "truncated")

    def test_finds_an_end_that_was_cut_off_with_its_checkpoint_by_an_anchor(
        self, owner: psycopg.Connection
    ) -> None:
        fill(5)
        fill(3, start=5)
        anchor = (8, verified().root)
        owner.execute("DELETE FROM kernel_ledger_checkpoint WHERE size = 8")
        owner.execute("DELETE FROM kernel_ledger_seal WHERE seq > 5")
        assert verified().first_broken is None
        with scope.tenant_scope(TENANT):
            broken = verifying.verify_ledger(anchors=[anchor]).first_broken
        assert broken is not None
        assert broken.reason == "truncated"

    @pytest.mark.parametrize(
        "change",
        ["signature = 'AAAA'", "head = repeat('a', 64)", "root = repeat('a', 64)", "created_at = now()"],
    )
    def test_finds_a_changed_checkpoint(self, owner: psycopg.Connection, change: str) -> None:
        fill(5)
        owner.execute(sql.SQL("UPDATE kernel_ledger_checkpoint SET {}").format(sql.SQL(change)))  # type: ignore[arg-type]
        broken = verified().first_broken
        assert broken is not None
        assert broken.reason == "checkpoint"

    def test_tells_of_entries_that_wait_too_long(self) -> None:
        fill(2)
        with scope.tenant_scope(TENANT):
            services.append(kind="a.b", payload={})
            assert verifying.verify_ledger().is_consistent
            late = verifying.verify_ledger(now=clock.now() + timedelta(hours=1))
        assert (late.unsealed, late.unsealed_too_long) == (1, 1)
        assert not late.is_consistent

    def test_finds_an_empty_ledger_good(self) -> None:
        result = verified()
        assert result.is_consistent
        assert result.entries == 0
