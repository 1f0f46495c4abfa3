"""`make run` as a person starts it: ready, deciding, killed, restarted, stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.faults.product import APPROVED, REJECTED, REVIEWED, Product, until

pytestmark = pytest.mark.xdist_group("product")


class TestReady:
    """What a start leaves behind."""

    def test_file_holds_what_a_program_needs_and_is_private(self, product: Product) -> None:
        assert set(product.ready) == {"url", "organization", "keys", "admin"}
        assert set(product.ready["keys"]) == {"agent", "admin", "auditor"}
        assert stat.S_IMODE(product.ready_file.stat().st_mode) == 0o600

    @pytest.mark.requirement("A-D2")
    @pytest.mark.parametrize(
        ("given", "expected"), [(APPROVED, "approve"), (REJECTED, "reject"), (REVIEWED, "review")]
    )
    def test_product_decides_the_golden_cases(
        self, product: Product, given: dict[str, Any], expected: str
    ) -> None:
        answer = product.decide(given)
        assert (answer.status, answer.body["class"]) == (200, expected)


class TestRefusedStart:
    """A start that cannot be is told in one line."""

    def test_second_start_on_the_same_folder(self, product: Product) -> None:
        second = product.run("manage.py", "run")
        assert second.returncode == 1
        assert "already runs" in second.stderr
        assert len(second.stderr.strip().splitlines()) == 1

    def test_taken_port(self, product: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            given = {**product.environment(), "DOS_DATA_DIR": str(tmp_path), "DOS_PORT": port}
            monkeypatch.setattr(product, "environment", lambda: given)
            refused = product.run("manage.py", "run")
        assert refused.returncode == 1
        assert f"Port {port} is taken" in refused.stderr
        assert "DOS_PORT" in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1


class TestCrash:
    """What is killed comes back."""

    def test_web_that_is_killed_is_started_again(self, product: Product) -> None:
        for process in product.children("granian"):
            os.kill(process, signal.SIGKILL)
        until(lambda: "web stopped" in product.output.read_text(), "the line about web")
        until(product.decides, "web's return")

    def test_start_after_a_kill_finds_everything_again(self, product: Product) -> None:
        product.kill()
        lock = product.folder / "run" / "lock"
        assert str(product.process.pid) in lock.read_text()
        assert (product.places.postgres / "PG_VERSION").exists()
        before = product.ready["keys"]
        product.restart()
        assert json.loads(product.ready_file.read_text())["keys"] == before
        assert product.decide(REJECTED).body["class"] == "reject"
