"""A sign of life: what is silent, what refuses, and what takes long."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import OperationalError, connection

from decisionos.kernel.servers import liveness
from decisionos.kernel.servers.postgresql import base
from tests import environment


@pytest.fixture
def mute() -> Iterator[tuple[str, int]]:
    """The address of a server that takes connections and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()


class TestIsSilent:
    """The question itself."""

    def test_is_false_for_a_server_that_answers(self) -> None:
        assert not liveness.is_silent(str(environment.PLACES.sockets), 5432, patience=5)

    def test_is_true_for_one_that_says_nothing(self, mute: tuple[str, int]) -> None:
        assert liveness.is_silent(*mute, patience=0.01)

    def test_is_true_for_one_that_takes_no_more_connections(self, tmp_path: Path) -> None:
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(socket.socket(socket.AF_UNIX))
            server.bind(str(tmp_path / ".s.PGSQL.5432"))
            server.listen(0)
            for _ in range(2):
                waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
                waiting.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    waiting.connect(str(tmp_path / ".s.PGSQL.5432"))
            assert liveness.is_silent(str(tmp_path), 5432, patience=0.01)

    def test_is_false_where_nobody_listens_since_that_is_told_at_once(self, tmp_path: Path) -> None:
        assert not liveness.is_silent(str(tmp_path), 5432, patience=5)
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            assert not liveness.is_silent("127.0.0.1", closed.getsockname()[1], patience=5)


class TestServer:
    """What is known of a server."""

    def test_that_is_silent_is_refused_at_once_and_asked_again_later(self) -> None:
        answers = iter([True, True, False])
        server = liveness.Server("x", 1, impatience=60)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(liveness, "is_silent", lambda *_, **__: next(answers))
            assert server.is_worth_trying()
            assert not server.answers()
            assert not server.is_worth_trying()
            server.impatience = 0
            assert not server.is_worth_trying()
            assert server.is_worth_trying()
            assert not server.is_silent


def look_at_every_tick(monkeypatch: pytest.MonkeyPatch, *, silent: bool) -> list[bool]:
    """Ask after the server at each tick of the waiting loop; returns the answers as they come."""
    given: list[bool] = []

    def answers(self: liveness.Server) -> bool:
        given.append(not silent)
        return not silent

    connection.ensure_connection()
    monkeypatch.setattr(base, "LOOK_AFTER", 0.0)
    monkeypatch.setattr(liveness.Server, "answers", answers)
    return given


@pytest.mark.django_db(transaction=True)
class TestWatchedConnection:
    """Statements on their way."""

    def test_waits_as_long_as_the_server_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given = look_at_every_tick(monkeypatch, silent=False)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 7 FROM pg_sleep(0.35)")
            assert cursor.fetchone() == (7,)
        assert given

    def test_gives_up_on_a_silent_server_and_is_replaced(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch, connection.cursor() as cursor:
            look_at_every_tick(patch, silent=True)
            with pytest.raises(OperationalError, match="fallen silent"):
                cursor.execute("SELECT pg_sleep(60)")
        assert not connection.is_usable()
        connection.close()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 7")
            assert cursor.fetchone() == (7,)

    def test_is_refused_at_once_while_the_server_is_known_to_be_silent(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connection.ensure_connection()
        monkeypatch.setattr(liveness, "is_silent", lambda *_, **__: True)
        server = liveness.server_at(str(environment.PLACES.sockets), 5432)
        monkeypatch.setattr(server, "is_silent", True)
        with pytest.raises(OperationalError, match="does not answer"), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.close()
        with pytest.raises(OperationalError, match="does not answer"):
            connection.ensure_connection()
