"""The names of those who acted, for pages; the ledger knows them by their ids alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.utils.translation import gettext as _

from tenancy.identity.models import ApiKey, User


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """Return how to call each actor; one that is not known keeps its kind."""
    wanted = {actor: _identifier(actor) for actor in set(actors)}
    ids = {identifier for identifier in wanted.values() if identifier}
    people = dict(User.objects.filter(id__in=ids).values_list("id", "name")) if ids else {}
    keys = dict(ApiKey.objects.filter(id__in=ids).values_list("id", "name")) if ids else {}
    found = {}
    for actor, identifier in wanted.items():
        known = people.get(identifier) or keys.get(identifier) if identifier else ""
        kind = actor.partition(":")[0]
        found[actor] = str(
            known
            or {"user": _("a person"), "key": _("a key"), "system": _("the installation")}.get(kind, actor)
        )
    return found


def _identifier(actor: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(actor.partition(":")[2])
    except ValueError:
        return None
