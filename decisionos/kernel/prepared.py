"""One prepared statement, run without the weight of a cursor, within a deadline.

For the few statements that run a thousand times a second. Parameters and results are in PostgreSQL's text
format. What must stay true: a server that does not answer in time is an OperationalError and its connection
is closed, since nobody knows what became of the statement; a connection that has forgotten the statement
(a pooler gave another one) is taught it again.
"""

from __future__ import annotations

import select
import time
import weakref
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import errors as database_errors
from psycopg import pq

DEADLINE_SECONDS = 1.5
_SQL_STATE = int(pq.DiagnosticField.SQLSTATE)
_FORGOTTEN = b"26000"
_GOOD = {pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK}


class TookTooLong(psycopg.OperationalError):
    """The server did not answer within the deadline; the connection is closed."""


class Statement:
    """A statement with ``$1``, ``$2``… and the name it is prepared under."""

    def __init__(self, name: str, sql: str) -> None:
        self.name, self.sql = name.encode(), sql.encode()
        self._known: weakref.WeakSet[psycopg.Connection[Any]] = weakref.WeakSet()

    def run(
        self,
        connection: psycopg.Connection[Any],
        parameters: Sequence[bytes],
        *,
        seconds: float = DEADLINE_SECONDS,
    ) -> list[tuple[bytes | None, ...]]:
        """Return the rows; the connection must be in autocommit and idle.

        Raises psycopg's errors. It is as repeatable as the statement.
        """
        until = time.monotonic() + seconds
        with connection.lock:
            if connection not in self._known:
                self._prepare(connection, until)
            result = self._send(connection, parameters, until)
            if result.status not in _GOOD and result.error_field(_SQL_STATE) == _FORGOTTEN:
                self._prepare(connection, until)
                result = self._send(connection, parameters, until)
            _check(connection, result)
        return [
            tuple(result.get_value(row, column) for column in range(result.nfields))
            for row in range(result.ntuples)
        ]

    def _prepare(self, connection: psycopg.Connection[Any], until: float) -> None:
        connection.pgconn.send_prepare(self.name, self.sql)
        _check(connection, _wait(connection, until))
        self._known.add(connection)

    def _send(
        self, connection: psycopg.Connection[Any], parameters: Sequence[bytes], until: float
    ) -> pq.abc.PGresult:
        connection.pgconn.send_query_prepared(self.name, list(parameters))
        return _wait(connection, until)


def _check(connection: psycopg.Connection[Any], result: pq.abc.PGresult) -> None:
    if result.status not in _GOOD:
        raise database_errors.error_from_result(result, connection.info.encoding)


def _wait(connection: psycopg.Connection[Any], until: float) -> pq.abc.PGresult:
    """Return the result of what was sent; raises OperationalError once the time is over."""
    pgconn = connection.pgconn
    poll = select.poll()
    poll.register(pgconn.socket, select.POLLIN | select.POLLOUT)
    unsent = pgconn.flush()
    first: pq.abc.PGresult | None = None
    while True:
        if not unsent:
            poll.modify(pgconn.socket, select.POLLIN)
        left = until - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            connection.close()
            raise TookTooLong("The database did not answer in time.")
        pgconn.consume_input()
        if unsent:
            unsent = pgconn.flush()
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is None:
                if first is None:
                    raise psycopg.OperationalError("The database gave no answer.")
                return first
            first = first or result
