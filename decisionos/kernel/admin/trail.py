"""What the ledger says beside a record, and what changed lately; read along its indexes, never as a whole.

What must stay true: the organization is named in every statement, so that the platform's connection, which
sees all, shows one; decisions, which come by the million, are no change.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections
from django.http import HttpRequest

from decisionos.kernel.admin import visits
from decisionos.kernel.tenants import scope

# One probe of the index for each kind, then the newest few of each: the table is never walked.
_EACH = """
WITH RECURSIVE known(value) AS (
  (SELECT {column} FROM kernel_ledger_entry WHERE tenant_id = %(tenant)s ORDER BY {column} LIMIT 1)
  UNION ALL
  SELECT (SELECT {column} FROM kernel_ledger_entry
          WHERE tenant_id = %(tenant)s AND {column} > known.value ORDER BY {column} LIMIT 1)
  FROM known WHERE known.value IS NOT NULL
)
SELECT found.* FROM known CROSS JOIN LATERAL (
  SELECT id, kind, subject_type, subject_id, actor, payload::text, occurred_at FROM kernel_ledger_entry
  WHERE tenant_id = %(tenant)s AND {column} = known.value {more}
  ORDER BY {order} LIMIT %(most)s
) AS found
WHERE known.value IS NOT NULL {outer}
ORDER BY found.occurred_at DESC, found.id DESC LIMIT %(most)s
"""
_RECENT = _EACH.format(
    column="kind",
    more="",
    order="occurred_at DESC, id DESC",
    outer="AND known.value NOT LIKE 'policy.decisions.%%' AND known.value NOT LIKE 'decision.%%'",
)
_ABOUT = _EACH.format(
    column="subject_type",
    more="AND subject_id = %(subject)s",
    order="id DESC",
    outer="AND known.value <> ''",
)


@dataclass(frozen=True, slots=True)
class Happening:
    """An entry of the ledger, as the admin shows it."""

    id: uuid.UUID
    kind: str
    subject_type: str
    subject_id: str
    actor: str
    payload: str
    occurred_at: datetime


def place_of(request: HttpRequest) -> tuple[str, uuid.UUID | None]:
    """Return the connection and the organization whose rows are open."""
    visit: visits.Visit | None = getattr(request, "platform_visit", None)
    if visit is not None:
        return visits.CONNECTION, visit.organization.id
    return "default", scope.current()


def _ask(request: HttpRequest, sql: str, **more: Any) -> list[Happening]:
    alias, tenant = place_of(request)
    if tenant is None:
        return []
    with connections[alias].cursor() as cursor:
        cursor.execute(sql, {"tenant": tenant, **more})
        return [Happening(*row) for row in cursor.fetchall()]


def recent(request: HttpRequest, *, most: int = 8) -> list[Happening]:
    """Return what changed lately in the organization whose rows are open."""
    return _ask(request, _RECENT, most=most)


def about(request: HttpRequest, subject_id: Any, *, most: int = 50) -> list[Happening]:
    """Return what the ledger says of one record."""
    return _ask(request, _ABOUT, subject=str(subject_id)[:120], most=most)
