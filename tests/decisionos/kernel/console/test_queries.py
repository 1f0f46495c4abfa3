"""What the frame around a page asks of the database: a bound, so that it does not grow unseen."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.decisionos.kernel.console.test_pages import person, signed_in
from tests.tenancy import cast

pytestmark = pytest.mark.django_db
FRAME = 11


class TestFrame:
    """A page that reads nothing itself."""

    def test_stays_within_its_budget(self) -> None:
        client = signed_in(person(cast.organization()))
        client.get("/gallery")
        cache.set("console:read_only", False, 60)
        with CaptureQueriesContext(connection) as asked:
            client.get("/gallery")
        reads = [one["sql"] for one in asked.captured_queries if "SAVEPOINT" not in one["sql"]]
        assert len(reads) <= FRAME, "\n".join(reads)
