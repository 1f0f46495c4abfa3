"""A prepared statement: answers, errors, a deadline, and a server that has forgotten it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import connection

from decisionos.kernel import prepared


@pytest.fixture
def raw(transactional_db: None) -> psycopg.Connection[Any]:
    """Return the plain connection, idle and in autocommit."""
    connection.ensure_connection()
    assert connection.connection.autocommit
    return connection.connection


class TestStatement:
    """One statement on one connection."""

    def test_returns_rows_as_text(self, raw: psycopg.Connection[Any]) -> None:
        statement = prepared.Statement("t_rows", "SELECT n, NULL FROM generate_series(1, $1::int) AS n")
        assert statement.run(raw, [b"2"]) == [(b"1", None), (b"2", None)]
        assert statement.run(raw, [b"0"]) == []

    def test_sends_more_than_a_socket_takes_at_once(self, raw: psycopg.Connection[Any]) -> None:
        statement = prepared.Statement("t_large", "SELECT length($1::text)")
        assert statement.run(raw, [b"x" * 5_000_000], seconds=20) == [(b"5000000",)]

    def test_raises_what_the_database_says_and_goes_on(self, raw: psycopg.Connection[Any]) -> None:
        statement = prepared.Statement("t_error", "SELECT 1 / $1::int")
        with pytest.raises(psycopg.errors.DivisionByZero):
            statement.run(raw, [b"0"])
        assert statement.run(raw, [b"1"]) == [(b"1",)]

    def test_is_taught_again_to_a_server_that_has_forgotten_it(self, raw: psycopg.Connection[Any]) -> None:
        statement = prepared.Statement("t_forgotten", "SELECT $1::int + 1")
        statement.run(raw, [b"1"])
        raw.execute("DEALLOCATE ALL")
        assert statement.run(raw, [b"1"]) == [(b"2",)]

    def test_gives_up_at_the_deadline_and_closes_the_connection(self, raw: psycopg.Connection[Any]) -> None:
        statement = prepared.Statement("t_late", "SELECT pg_sleep($1::float8)")
        with pytest.raises(prepared.TookTooLong):
            statement.run(raw, [b"30"], seconds=0.05)
        assert raw.closed
        connection.close()
