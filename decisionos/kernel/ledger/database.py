"""Statements that are asked often: prepared once for each connection, so that none is planned again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import connection


def prepared(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a statement, in the caller's transaction and scope.

    Django's own cursor binds in the client and cannot prepare; the raw one does both in one round trip.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(statement, values, prepare=True).fetchall()
