"""Two organizations that stand for a whole module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import _empty_tables
from tests.isolation import world


@pytest.fixture(scope="module")
def houses(django_db_setup: None, django_db_blocker: Any) -> Iterator[list[world.House]]:
    """Two organizations with rows of every kind, committed."""
    with world.standing(django_db_blocker, _empty_tables, "northwind", "southridge") as found:
        yield found
