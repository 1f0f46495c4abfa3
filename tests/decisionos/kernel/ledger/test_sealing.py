"""Sealing: no gap, no fork, no entry skipped, one signed checkpoint per run."""

from __future__ import annotations

import base64
import itertools
import threading
import uuid

import psycopg
import pytest
from django.conf import settings
from django.db import connections

from decisionos.kernel.keys import services as keys
from decisionos.kernel.ledger import rules, sealing, services, tasks, verifying
from decisionos.kernel.ledger.models import Checkpoint, Seal, Tile
from decisionos.kernel.tenants import scope
from tests.decisionos.kernel.ledger.conftest import TENANT, fill

OTHER = uuid.UUID(int=8)


def chain() -> list[tuple[int, str, str]]:
    with scope.tenant_scope(TENANT):
        return list(Seal.objects.order_by("seq").values_list("seq", "prev", "curr"))


@pytest.mark.django_db
class TestSealPending:
    """One tenant."""

    @pytest.mark.requirement("A-M4")
    def test_chains_from_64_zeros_without_a_gap(self) -> None:
        fill(3)
        fill(4, start=3)
        rows = chain()
        assert [seq for seq, _, _ in rows] == list(range(1, 8))
        assert rows[0][1] == "0" * 64
        assert all(after[1] == before[2] for before, after in itertools.pairwise(rows))

    def test_leaves_one_signed_checkpoint_when_there_was_something(self) -> None:
        fill(3)
        assert sealing.seal_pending(TENANT) == 0
        with scope.tenant_scope(TENANT):
            checkpoint = Checkpoint.objects.get()
            statement = rules.checkpoint_statement(
                tenant_id=TENANT,
                size=3,
                root=checkpoint.root,
                head=checkpoint.head,
                created_at=checkpoint.created_at,
            )
        assert checkpoint.size == 3
        (key,) = keys.public_keys(rules.PURPOSE)
        assert keys.has_signed(key.raw, statement, base64.b64decode(checkpoint.signature))

    def test_goes_on_in_batches(self) -> None:
        with scope.tenant_scope(TENANT):
            services.append_many(services.Draft("a.b", {"i": i}) for i in range(25))
        assert sealing.seal_pending(TENANT, batch=10) == 25
        with scope.tenant_scope(TENANT):
            assert list(Checkpoint.objects.order_by("size").values_list("size", flat=True)) == [10, 20, 25]
            assert verifying.verify_ledger().is_consistent

    def test_writes_a_tile_when_256_hashes_are_there(self) -> None:
        fill(255)
        with scope.tenant_scope(TENANT):
            assert Tile.objects.count() == 0
        fill(300, start=255)
        with scope.tenant_scope(TENANT):
            assert list(Tile.objects.order_by("index").values_list("level", "index")) == [(0, 0), (0, 1)]
            assert verifying.verify_ledger().is_consistent

    def test_refuses_to_build_on_a_chain_that_lost_its_end(
        self, transactional_db: None, owner: psycopg.Connection
    ) -> None:
        fill(3)
        owner.execute("DELETE FROM kernel_ledger_seal WHERE seq = 3")
        with scope.tenant_scope(TENANT):
            services.append(kind="a.b", payload={})
        with pytest.raises(sealing.LedgerBroken):
            sealing.seal_pending(TENANT)


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
class TestSealers:
    """Several at once."""

    def test_do_not_fork_the_chain(self) -> None:
        for start in range(5):
            with scope.tenant_scope(TENANT):
                services.append_many(services.Draft("a.b", {"i": start * 100 + i}) for i in range(100))
        keys.ensure_key(rules.PURPOSE)
        sealed: list[int] = []

        def work() -> None:
            try:
                sealed.append(sealing.seal_pending(TENANT, batch=70))
            finally:
                connections.close_all()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(sealed) == 500
        rows = chain()
        assert [seq for seq, _, _ in rows] == list(range(1, 501))
        assert len({prev for _, prev, _ in rows}) == 500

    def test_wait_for_an_older_transaction_and_skip_nothing(self) -> None:
        with scope.tenant_scope(TENANT):
            late, early = (services.prepare(services.Draft("a.b", {"who": who})) for who in ("late", "early"))
        insert = f"INSERT INTO {services.INTO} VALUES ({services.PLACEHOLDERS})"
        dsn = settings.DOS_OWNER_DSN.replace("dos_owner", "dos_app")
        with psycopg.connect(dsn) as slow, psycopg.connect(dsn) as quick:
            for connection, prepared in ((slow, late), (quick, early)):
                connection.execute("SELECT set_config('app.tenant_id', %s, true)", [str(TENANT)])
                connection.execute(insert, prepared.values)
            quick.commit()
            assert sealing.seal_pending(TENANT) == 0
            slow.commit()
        assert sealing.seal_pending(TENANT) == 2
        with scope.tenant_scope(TENANT):
            assert list(Seal.objects.order_by("seq").values_list("entry_id", flat=True)) == [
                late.id,
                early.id,
            ]

    def test_seal_every_tenant_that_waits_and_find_none_afterwards(self) -> None:
        for tenant in (TENANT, OTHER):
            with scope.tenant_scope(tenant):
                services.append(kind="a.b", payload={})
        assert sorted(sealing.waiting_tenants()) == [TENANT, OTHER]
        assert tasks.seal_ledger() == 2
        assert sealing.waiting_tenants() == []
        assert sealing.seal_all() == 0

    def test_go_on_after_a_restore_into_a_cluster_with_smaller_numbers(self) -> None:
        fill(2)
        with psycopg.connect(settings.DOS_OWNER_DSN, autocommit=True) as owner:
            owner.execute("SELECT set_config('app.tenant_id', %s, false)", [str(TENANT)])
            owner.execute("UPDATE kernel_ledger_checkpoint SET horizon = horizon + 1000000000")
            with scope.tenant_scope(TENANT):
                services.append(kind="a.b", payload={})
                restored = services.append(kind="a.c", payload={})
            owner.execute(
                "UPDATE kernel_ledger_entry SET xid = xid + 1000000000 WHERE id = %s", [restored.id]
            )
        assert sealing.seal_all() == 2
        with scope.tenant_scope(TENANT):
            services.append(kind="a.d", payload={})
        assert sealing.seal_all() == 1
        with scope.tenant_scope(TENANT):
            assert verifying.verify_ledger().is_consistent
