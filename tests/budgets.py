"""How many queries a page may make: its budget stands in query_counts.json, under the page's name."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from django.db import connection
from django.test.utils import CaptureQueriesContext

BUDGETS: dict[str, int] = json.loads((Path(__file__).parent / "query_counts.json").read_text())


@contextlib.contextmanager
def within_budget(page: str) -> Iterator[None]:
    """Fail where the block makes more queries than the page's budget, or a quarter fewer than it."""
    with CaptureQueriesContext(connection) as captured:
        yield
    budget = BUDGETS[page]
    told = "\n".join(query["sql"][:160] for query in captured.captured_queries)
    assert len(captured) <= budget, f"{page}: {len(captured)} queries, its budget is {budget}\n{told}"
    assert len(captured) * 4 >= budget * 3, f"{page}: {len(captured)} queries; lower its budget of {budget}"
