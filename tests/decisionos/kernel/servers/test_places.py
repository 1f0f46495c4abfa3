"""Folders, sockets and secrets of one installation."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from decisionos.kernel.servers import places
from decisionos.kernel.servers.supervisor import CannotStart, Supervisor


class TestSecrets:
    """What an installation makes for itself."""

    def test_are_made_once_and_read_by_their_owner_only(self, tmp_path: Path) -> None:
        first = places.installation_secrets(tmp_path)
        assert places.installation_secrets(tmp_path) == first
        assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
        assert [path.name for path in tmp_path.iterdir()] == ["secrets.json"]


class TestPrivateFolder:
    """The folder of the sockets."""

    def test_is_refused_when_it_is_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "real")
        with pytest.raises(PermissionError, match="another account"):
            places.private_folder(tmp_path / "link")

    def test_gets_the_mode(self, tmp_path: Path) -> None:
        made = places.private_folder(tmp_path / "x")
        assert stat.S_IMODE(made.stat().st_mode) == 0o700


class TestSupervisor:
    """One installation runs once."""

    def test_refuses_a_second_start_in_one_line(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("signal.signal", lambda number, handler: None)
        home = places.Places(tmp_path)
        with Supervisor(home, port=_free_port(), say=print), pytest.raises(CannotStart, match="already runs"):
            Supervisor(home, port=_free_port(), say=print).__enter__()

    def test_names_the_variable_when_the_port_is_taken(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import socket

        monkeypatch.setattr("signal.signal", lambda number, handler: None)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(CannotStart, match="DOS_PORT"):
                Supervisor(places.Places(tmp_path), port=taken.getsockname()[1], say=print).__enter__()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
