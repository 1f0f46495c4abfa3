"""The admin's first page: what needs attention, how much there is, what changed lately.

What must stay true: no table is counted past a bound, what is beyond it is the planner's estimate and says
so; the figures are those of the organization whose rows are open.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.core.cache import cache
from django.db import connections
from django.http import HttpRequest

from decisionos.kernel.admin import domains, paginators, trail
from decisionos.kernel.console import context, registry

EXACT_UP_TO = paginators.EXACT_UP_TO
SECONDS = 60


def _ask(site: Any, alias: str, tenant: uuid.UUID | None, models: list[Any]) -> dict[str, tuple[int, bool]]:
    """Return how many rows each model has, in one statement, and which of the numbers are estimates."""
    parts, values = [], []
    for model in models:
        column = site.get_model_admin(model).tenant_column
        if column and tenant is None:
            continue
        condition = f'WHERE "{column}" = %s' if column else ""
        parts.append(
            f'SELECT %s, (SELECT count(*) FROM (SELECT 1 FROM "{model._meta.db_table}" {condition} '
            f"LIMIT {EXACT_UP_TO + 1}) AS bounded)"
        )
        values += [model._meta.label, *([tenant] if column else [])]
    if not parts:
        return {}
    with connections[alias].cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), values)
        found = {label: (int(count), True) for label, count in cursor.fetchall()}
    for model in models:
        count, _exact = found.get(model._meta.label, (0, True))
        if count > EXACT_UP_TO:
            rows = model._base_manager.using(alias)
            column = site.get_model_admin(model).tenant_column
            rows = rows.filter(**{column: tenant}) if column else rows.all()
            found[model._meta.label] = (max(paginators.estimated_rows(rows), count), False)
    return found


def counts(site: Any, request: HttpRequest, groups: list[domains.Domain]) -> dict[str, tuple[int, bool]]:
    """Return how many rows each model of the map has; kept for a minute."""
    alias, tenant = trail.place_of(request)
    models = [entry["model"] for group in groups for entry in group.models]
    key = f"admin:counts:{alias}:{tenant}:{len(models)}"
    known: dict[str, tuple[int, bool]] | None = cache.get(key)
    if known is None:
        known = _ask(site, alias, tenant, models)
        cache.set(key, known, SECONDS)
    return known


def content(site: Any, request: HttpRequest, groups: list[domains.Domain]) -> dict[str, Any]:
    """Return what the first page shows."""
    shell = context.shell_of(request)
    found = counts(site, request, groups)
    for group in groups:
        for entry in group.models:
            entry["count"], entry["is_exact"] = found.get(entry["model"]._meta.label, (None, True))
    attentions = []
    if shell.subject is not None:
        attentions = list(registry.ask_all(registry.attentions, request, shell.allowed))
    return {"attentions": attentions, "happenings": trail.recent(request), "console_groups": shell.groups}
