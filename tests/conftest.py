"""What every test stands on: a database per worker, cloned from the template, and a clean slate."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import psycopg
import pytest
from django.conf import settings
from django.db import connections
from django.test import TransactionTestCase
from psycopg import sql

from tests import environment

# In continuous integration the same commit gives the same examples; at a desk every run looks further.
hypothesis.settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")

KEPT_TABLES = ("django_migrations", "django_content_type", "auth_permission")


def _empty_tables() -> None:
    """Empty every table as the owner; the application's role may not."""
    with psycopg.connect(settings.DOS_OWNER_DSN, autocommit=True) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        tables = [sql.Identifier(name) for (name,) in rows if name not in KEPT_TABLES]
        connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(tables)))


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> None:
    """Give this worker a database of its own."""
    name = f"dos_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    with psycopg.connect(embedded_dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER dos_owner TEMPLATE decisionos").format(sql.Identifier(name))
        )
    with django_db_blocker.unblock():
        for alias in settings.DATABASES:
            connections[alias].close()
            settings.DATABASES[alias]["NAME"] = name
            connections[alias].settings_dict["NAME"] = name
    settings.DOS_OWNER_DSN = settings.DOS_OWNER_DSN.replace("dbname=decisionos", f"dbname={name}")
    TransactionTestCase._fixture_teardown = lambda self: _empty_tables()  # type: ignore[method-assign]


def embedded_dsn() -> str:
    """Return the superuser's connection string of the test server."""
    return environment.embedded.superuser_dsn(environment.PLACES)


@pytest.fixture(autouse=True)
def _clean_context() -> Iterator[None]:
    """Leave no tenant and no correlation id behind."""
    from decisionos.kernel.tenants import scope

    token = scope._current.set(None)
    yield
    scope._current.reset(token)
