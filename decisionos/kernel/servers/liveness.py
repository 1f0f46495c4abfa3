"""Ask a PostgreSQL server for a sign of life, without an account and without waiting long.

A server that is frozen, or a network that swallows packets, keeps connections open and answers nothing; no
time limit of the server's own helps then. The question is the first message of the protocol (may we speak
TLS?), which every server answers with one byte before it asks who is there. What must stay true: a
statement that takes long on a server that answers is never given up here.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from pathlib import PurePosixPath

_MAY_WE_ENCRYPT = struct.pack("!ii", 8, 80_877_103)


@dataclass(slots=True)
class Server:
    """One server, and what is known of it in this process."""

    host: str
    port: int
    # Long enough for a machine under load to fork a process; short enough to answer within two seconds.
    patience: float = 0.7
    impatience: float = 0.25
    is_silent: bool = False
    _asked: float = field(default=-1e9, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def answers(self) -> bool:
        """Ask the server, or take the answer of whoever asks at this moment."""
        began = time.monotonic()
        with self._lock:
            if self._asked < began:
                self._ask(self.patience)
            return not self.is_silent

    def is_worth_trying(self) -> bool:
        """Return at once while the server answers; while it is silent, ask again only now and then."""
        if not self.is_silent:
            return True
        if time.monotonic() - self._asked < self.impatience or not self._lock.acquire(blocking=False):
            return False
        try:
            self._ask(self.impatience)
        finally:
            self._lock.release()
        return not self.is_silent

    def _ask(self, patience: float) -> None:
        self.is_silent = is_silent(self.host, self.port, patience=patience)
        self._asked = time.monotonic()


def is_silent(host: str, port: int, *, patience: float) -> bool:
    """Return whether a connection is accepted, or asked for, and nothing comes back.

    A refusal is an answer: whoever connects will be told at once.
    """
    deadline = time.monotonic() + patience
    try:
        with contextlib.closing(_connect(host, port, patience)) as connection:
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
            connection.sendall(_MAY_WE_ENCRYPT)
            connection.recv(1)
    except TimeoutError:
        return True
    except BlockingIOError:
        # A socket of this machine whose queue is full: nobody takes connections from it.
        return True
    except OSError:
        return False
    return False


def _connect(host: str, port: int, patience: float) -> socket.socket:
    if not host.startswith("/"):
        return socket.create_connection((host, port), timeout=patience)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(patience)
        connection.connect(str(PurePosixPath(host) / f".s.PGSQL.{port}"))
    except BaseException:
        connection.close()
        raise
    return connection


_servers: dict[tuple[str, int], Server] = {}


def server_at(host: str, port: int) -> Server:
    """Return what is known of the server at an address."""
    return _servers.setdefault((host, port), Server(host, port))
