"""A customer's own names for roles: the ``rbac_map`` of its configuration, laid over the registry.

A name of the customer's own stands for the roles and permissions listed behind it. One of our own names may
be listed too, and is then narrowed to what is listed; it never gains, and the owner's role stays whole, so
that nobody can lock an organization. A name that left the map stands for nothing.
"""

from __future__ import annotations

import functools
import re
import uuid
from collections.abc import Mapping
from typing import Any

from tenancy.access import registry
from tenancy.organizations import configuration

Roles = Mapping[str, frozenset[str]]
_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,29}")


def roles_in_force(tenant_id: uuid.UUID) -> Roles:
    """Return every role of an organization with its permissions."""
    rbac_map = configuration.in_force(tenant_id).rbac_map
    return merged(rbac_map) if rbac_map else registry.ROLES


@functools.lru_cache(maxsize=512)
def merged(rbac_map: tuple[tuple[str, tuple[str, ...]], ...]) -> Roles:
    """Return our roles with a customer's map laid over them."""
    roles = dict(registry.ROLES)
    for name, items in rbac_map:
        listed = listed_permissions(items)
        roles[name] = registry.ROLES[name] & listed if name in registry.ROLES else listed
    return roles


def listed_permissions(items: Any) -> frozenset[str]:
    """Return the permissions that a list of roles and permissions means; unknown names mean nothing."""
    found: set[str] = set()
    for item in items:
        found |= registry.permissions_of(item) | ({item} & registry.PERMISSIONS.keys())
    return frozenset(found)


def own_permissions(content: Any) -> frozenset[str]:
    """Return everything that a configuration hands to names of the customer's own."""
    found: frozenset[str] = frozenset()
    for name, items in (content.get("rbac_map") or {}).items():
        if name not in registry.ROLES:
            found |= listed_permissions(items)
    return found


def find_problems(content: Any) -> list[dict[str, str]]:
    """Return what is wrong with the map of a configuration, each fault with its JSON pointer."""
    problems = []
    for name, items in (content.get("rbac_map") or {}).items():
        place = f"/rbac_map/{name.replace('~', '~0').replace('/', '~1')}"
        if name == "owner":
            problems.append({"pointer": place, "message": "the owner's role cannot be changed"})
        elif not _NAME.fullmatch(name):
            problems.append({"pointer": place, "message": "1 to 30 of a-z 0-9 _ . -, a letter first"})
        for index, item in enumerate(items):
            message = _fault(name, item)
            if message:
                problems.append({"pointer": f"{place}/{index}", "message": message})
    return problems


def _fault(name: str, item: str) -> str:
    if item in registry.ROLES:
        return "" if name not in registry.ROLES else "one of our roles is narrowed by permissions, not roles"
    if item not in registry.PERMISSIONS:
        return f"{item!r} is neither a role nor a permission"
    if name in registry.ROLES and item not in registry.ROLES[name]:
        return f"{name} does not hold {item}; give a name of your own to what may do more"
    return ""
