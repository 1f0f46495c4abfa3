"""Drafts that two windows touch at once: whoever is second waits, and nothing is left behind."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import connection

from decisionos.kernel import clock, ids
from decisionos.kernel.tenants import scope
from policy.rules import drafts
from policy.rules.models import RulesetDraft, RulesetDraftText

DRAFT: dict[str, Any] = {"contract": "lending", "ruleset": "bands", "author": "user:1"}


def _until_somebody_waits() -> None:
    """Return once a statement of another connection waits for a lock; the bound is far above that."""
    deadline = time.monotonic() + 20
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
    pytest.fail("nobody waited")


@pytest.mark.django_db(transaction=True, databases="__all__")
class TestDiscard:
    """Removing a draft while it is being saved."""

    def test_takes_the_text_of_a_save_on_its_way(self) -> None:
        tenant, failures = ids.uuid7(), []

        def save(text: str, revision: int) -> None:
            drafts.save_draft(**DRAFT, text=text, base_version="", revision=revision, now=clock.now())

        def discard() -> None:
            try:
                with scope.tenant_scope(tenant):
                    drafts.discard_draft(**DRAFT)
            except Exception as error:  # noqa: BLE001  told by the test itself
                failures.append(error)
            finally:
                connection.close()

        with scope.tenant_scope(tenant):
            save("one", 0)
        with scope.tenant_scope(tenant):
            save("two", 1)
            other = threading.Thread(target=discard)
            other.start()
            _until_somebody_waits()
        other.join(20)
        with scope.tenant_scope(tenant):
            left = (RulesetDraft.objects.count(), RulesetDraftText.objects.count())
        assert (failures, left) == ([], (0, 0))
