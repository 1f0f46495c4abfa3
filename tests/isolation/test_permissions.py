"""Who may do what, for every route and every role, as it is observed; ``permissions.txt`` is the table.

``DOS_WRITE_SNAPSHOTS=1`` writes the table anew; read the difference before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from decisionos.urls import api_routes
from tests.api.document import Operation, operations
from tests.isolation import recipes, world
from tests.isolation.world import ROLES, House

pytestmark = [
    pytest.mark.xdist_group("permissions"),
]
TABLE = Path(__file__).with_name("permissions.txt")
CLOSED = [operation for operation in operations() if not operation.is_public]
HEAD = """\
# Each operation of the API: the permission that it asks for, and which roles may (x) or may not (.).
# Observed over HTTP with a key of each role. "authenticated" is any key; what some of these ask for inside,
# the columns show. The roles, in the order of the columns:
# {roles}

"""


def _permission(operation: Operation) -> str:
    for route in api_routes():
        view: Any = getattr(route.callback, "view_class", None) or getattr(route.callback, "cls", None)
        place = str(route.pattern)
        for found in operation.parameters("path"):
            for kind in ("uuid:", "str:", "int:", "slug:", ""):
                place = place.replace(f"<{kind}{found['name']}>", "{" + found["name"] + "}")
        if place == operation.place and hasattr(view, operation.verb.lower()):
            named = view.required_permission
            return str(named[operation.verb] if isinstance(named, dict) else named)
    raise AssertionError(f"{operation} is not served")


def _opens(operation: Operation, house: House, role: str) -> bool:
    """Return whether a role may; the address is of nothing, so that little happens, and that is undone."""
    with world.rehearsed():
        answer = house.call(
            role, operation.verb, recipes.path_to_nothing(operation), **recipes.body(operation, house)
        )
        world.content(answer)
    assert answer.status_code not in {401, 405, 500}, answer.content
    return answer.status_code != 403


def _rows() -> dict[str, tuple[str, str]]:
    """Return the table: by operation, its permission and the marks of the roles."""
    lines = [line.split() for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    return {f"{verb} {place}": (permission, marks) for verb, place, permission, marks in lines}


@pytest.fixture(scope="module")
def observed(houses: list[House]) -> dict[str, tuple[str, str]]:
    """The table as it is."""
    found = {}
    for operation in operations():
        if operation.is_public:
            found[str(operation)] = ("public", "x" * len(ROLES))
            continue
        marks = "".join("x" if _opens(operation, houses[0], role) else "." for role in ROLES)
        found[str(operation)] = (_permission(operation), marks)
    return found


@pytest.mark.requirement("N-M1")
class TestTable:
    """All routes and all roles."""

    def test_is_what_is_observed(self, observed: dict[str, tuple[str, str]]) -> None:
        if os.environ.get("DOS_WRITE_SNAPSHOTS"):
            wide = 64
            lines = []
            for name, (permission, marks) in observed.items():
                verb, place = name.split()
                lines.append(f"{verb:<7}{place:<{wide}}{permission:<20}{marks}")
            TABLE.write_text(HEAD.format(roles=" ".join(ROLES)) + "\n".join(lines) + "\n")
        assert _rows() == observed

    def test_gives_each_operation_to_its_permission_alone(self, observed: dict[str, tuple[str, str]]) -> None:
        for name, (permission, marks) in observed.items():
            if permission not in {"public", "authenticated"}:
                held = "".join("x" if permission in world.registry.ROLES[role] else "." for role in ROLES)
                assert marks == held, name


@pytest.mark.requirement("N-M1")
@pytest.mark.parametrize("operation", CLOSED, ids=str)
class TestDenied:
    """Each operation, with the keys that do not open it, against things that are there."""

    def test_changes_nothing_and_is_noted(self, operation: Operation, houses: list[House]) -> None:
        house = houses[0]
        marks = _rows()[str(operation)][1]
        for role in [role for role, mark in zip(ROLES, marks, strict=True) if mark == "."]:
            before = world.counts(*houses)
            answer = house.call(
                role, operation.verb, recipes.path(operation, house), **recipes.body(operation, house)
            )
            assert answer.status_code == 403, (role, answer.content)
            assert answer.json()["status"] == 403
            after = world.counts(*houses)
            changed = {key: after[key] - before[key] for key in after if after[key] != before[key]}
            # The refusal itself is an entry of the ledger, and nothing else is written.
            assert changed == {(house.slug, "kernel_ledger_entry"): 1}, role
            with connections["platform"].cursor() as cursor:
                cursor.execute(
                    "SELECT kind FROM kernel_ledger_entry WHERE tenant_id = %s ORDER BY id DESC LIMIT 1",
                    [house.tenant],
                )
                assert cursor.fetchone() == ("access.denied",)
