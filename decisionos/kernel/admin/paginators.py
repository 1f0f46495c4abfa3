"""Pages of a list without counting its table.

What must stay true: no statement counts more than the bound; past it the planner's estimate is shown, and
said to be one; nobody pages so deep that the database would read what it then throws away.
"""

from __future__ import annotations

import json
import math
from typing import Any

from django.core.paginator import Paginator
from django.db import connections
from django.utils.functional import cached_property

EXACT_UP_TO = 10_000
MOST_PAGES = 200


def estimated_rows(rows: Any) -> int:
    """Return how many rows the planner expects under the filters in force."""
    sql, parameters = rows.order_by().query.get_compiler(using=rows.db).as_sql()
    with connections[rows.db].cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", parameters)
        found = cursor.fetchone()[0]
    plan = json.loads(found) if isinstance(found, str) else found
    return int(plan[0]["Plan"]["Plan Rows"])


class EstimatedPaginator(Paginator):  # type: ignore[type-arg]
    """Count exactly only where it is cheap; a large list answers with PostgreSQL's own estimate."""

    exact_up_to = EXACT_UP_TO

    @cached_property
    def _counted(self) -> tuple[int, bool]:
        rows: Any = self.object_list
        if not hasattr(rows, "query"):
            return len(rows), True
        counted = int(rows.order_by()[: self.exact_up_to + 1].count())
        if counted <= self.exact_up_to:
            return counted, True
        return max(estimated_rows(rows), counted), False

    @cached_property
    def count(self) -> int:
        """Return the number of rows, or an estimate past the bound."""
        return self._counted[0]

    @property
    def is_exact(self) -> bool:
        """Return whether the count is one."""
        return self._counted[1]

    @cached_property
    def num_pages(self) -> int:
        """Return how many pages can be opened; what lies deeper is found by filters."""
        if not self.count:
            return 1
        return min(math.ceil(self.count / self.per_page), MOST_PAGES)
