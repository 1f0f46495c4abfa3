"""Verification in the database: whatever a hand with all rights changes is found and named."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from decisionos.kernel import clock
from decisionos.kernel.ledger import rules, services, verifying
from decisionos.kernel.ledger.models import Checkpoint
from decisionos.kernel.ledger.verifying import Verification
from decisionos.kernel.tenants import scope
from tests.decisionos.kernel.ledger.conftest import TENANT, fill

SIZE = 8


def verified() -> Verification:
    with scope.tenant_scope(TENANT):
        return verifying.verify_ledger()


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

    @pytest.mark.parametrize("at", [1, 4, SIZE])
    def test_names_a_deleted_entry_wherever_it_was(self, owner: psycopg.Connection, at: int) -> None:
        ids = fill(SIZE)
        owner.execute("DELETE FROM kernel_ledger_seal WHERE entry_id = %s", [ids[at - 1]])
        owner.execute("DELETE FROM kernel_ledger_entry WHERE id = %s", [ids[at - 1]])
        broken = verified().first_broken
        assert broken is not None
        assert broken.seq == at

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
