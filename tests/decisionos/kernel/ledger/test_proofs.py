"""Proofs: each entry under each checkpoint, and the growth between any two."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from decisionos.kernel import errors
from decisionos.kernel.ledger import database, proofs, services
from decisionos.kernel.ledger.models import Checkpoint, Seal
from decisionos.kernel.tenants import scope
from tests.decisionos.kernel.ledger.conftest import TENANT, fill


@pytest.mark.django_db
class TestProveEntry:
    """One entry."""

    def test_holds_for_every_entry_under_every_checkpoint(self) -> None:
        ids = fill(5) + fill(2, start=5) + fill(9, start=7)
        with scope.tenant_scope(TENANT):
            for size in (5, 7, 16):
                for place, entry_id in enumerate(ids[:size]):
                    proof = proofs.prove_entry(entry_id, size=size)
                    assert (proof.seq, proof.checkpoint.size) == (place + 1, size)
                    assert proof.holds()
                    assert not dataclasses.replace(proof, digest="ab" * 32).holds()
                    assert (
                        not dataclasses.replace(proof, seq=size - place + 1).holds() or size - place == place
                    )

    def test_asks_twice_whatever_the_entry_and_the_size(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fill(300)
        fill(400, start=300)
        asked: list[str] = []
        prepared = database.prepared

        def counted(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
            asked.append(statement)
            return prepared(statement, values)

        monkeypatch.setattr(database, "prepared", counted)
        with scope.tenant_scope(TENANT):
            for size in (300, 700):
                for seq in (1, 200, 256, 257, 299, 300, 301, 512, 513, 640, 641, 699, 700):
                    if seq > size:
                        continue
                    entry_id = Seal.objects.get(seq=seq).entry_id
                    asked.clear()
                    with CaptureQueriesContext(connection) as others:
                        assert proofs.prove_entry(entry_id, size=size).holds()
                    assert (len(asked), len(others)) == (2, 0)

    def test_is_refused_before_the_seal_and_before_the_checkpoint(self) -> None:
        fill(2)
        later = fill(1, start=2)[0]
        with scope.tenant_scope(TENANT):
            waiting = services.append(kind="a.b", payload={})
            with pytest.raises(proofs.NotSealed):
                proofs.prove_entry(waiting.id)
            with pytest.raises(proofs.NotSealed):
                proofs.prove_entry(later, size=2)
            with pytest.raises(proofs.CheckpointMissing):
                proofs.prove_entry(later, size=1)

    def test_is_not_given_to_another_tenant(self) -> None:
        entry_id = fill(1)[0]
        with scope.tenant_scope(uuid.UUID(int=99)), pytest.raises(proofs.NotSealed):
            proofs.prove_entry(entry_id)


@pytest.mark.django_db
class TestProveGrowth:
    """Two checkpoints."""

    def test_holds_between_any_two_and_not_for_another_root(self) -> None:
        for count in (1, 2, 5, 250, 20, 300):
            fill(count)
        with scope.tenant_scope(TENANT):
            sizes = list(Checkpoint.objects.order_by("size").values_list("size", flat=True))
            for at, first in enumerate(sizes):
                for second in sizes[at:]:
                    proof = proofs.prove_growth(first, second)
                    assert proof.holds()
                    other = dataclasses.replace(proof.first, root="ab" * 32)
                    assert not dataclasses.replace(proof, first=other).holds()
            with pytest.raises(errors.Invalid):
                proofs.prove_growth(sizes[-1], sizes[0])
