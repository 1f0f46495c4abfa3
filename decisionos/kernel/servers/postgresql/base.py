"""The backend: ``ENGINE = "decisionos.kernel.servers.postgresql"``."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from django.db.backends.postgresql import base

from decisionos.kernel.servers import liveness

_Result = TypeVar("_Result")

# How long a statement may be on its way before somebody asks whether the server is still there.
LOOK_AFTER = 0.6
# For servers over a network, where the kernel can notice by itself.
_NETWORK = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5_000,
}


class Silent(psycopg.OperationalError):
    """The server does not answer."""


class WatchedConnection(psycopg.Connection[Any]):
    """A connection that gives up, and closes, when its server has fallen silent."""

    server: liveness.Server | None = None

    def wait(self, gen: Generator[Any, Any, _Result], *args: Any, **options: Any) -> _Result:
        """Drive an exchange with the server to its end; raises Silent."""
        server = self.server
        if server is None:
            return super().wait(gen, *args, **options)
        if server.is_silent and not server.is_worth_trying():
            gen.close()
            self.pgconn.finish()
            raise Silent("the database server does not answer")
        try:
            # What has arrived already needs no waiting: a stream's next row, for one.
            wanted = next(gen)
        except StopIteration as done:
            result: _Result = done.value
            return result
        return super().wait(self._watched(gen, wanted, server), *args, **options)

    def _watched(
        self, gen: Generator[Any, Any, _Result], wanted: Any, server: liveness.Server
    ) -> Generator[Any, Any, _Result]:
        look = time.monotonic() + LOOK_AFTER
        while True:
            ready = yield wanted
            # Nothing is ready at each tick of the waiting loop.
            if not ready and time.monotonic() >= look:
                if not server.answers():
                    gen.close()
                    self.pgconn.finish()
                    raise Silent("the database server has fallen silent")
                look = time.monotonic() + LOOK_AFTER
            try:
                wanted = gen.send(ready)
            except StopIteration as done:
                result: _Result = done.value
                return result


class _Driver:
    """psycopg, with connections that are watched."""

    def __getattr__(self, name: str) -> Any:
        return getattr(psycopg, name)

    @staticmethod
    def connect(**parameters: Any) -> WatchedConnection:
        """Connect; raises Silent at once where the server is known not to answer."""
        host = str(parameters.get("host") or "")
        if not host or "," in host:
            return WatchedConnection.connect(**parameters)
        server = liveness.server_at(host, int(parameters.get("port") or 5432))
        if not server.is_worth_trying() or not server.answers():
            raise Silent("the database server does not answer")
        connection = WatchedConnection.connect(**parameters)
        connection.server = server
        return connection


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own, with watched connections."""

    Database = _Driver()  # type: ignore[assignment]  # it passes for the module

    def get_connection_params(self) -> dict[str, Any]:
        """Return the parameters, with the kernel's own limits for servers over a network."""
        parameters: dict[str, Any] = super().get_connection_params()
        if not str(parameters.get("host") or "/").startswith("/"):
            parameters = {**_NETWORK, **parameters}
        return parameters
