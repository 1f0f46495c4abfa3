"""`make run` as a person starts it: ready, deciding, killed, restarted, stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from decisionos.kernel.servers.places import Places

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
pytestmark = pytest.mark.xdist_group("faults")

CASES = [
    ({"credit_score": 720, "dti": 0.30, "income_verified": True}, "approve"),
    ({"credit_score": 530, "dti": 0.30, "income_verified": True}, "reject"),
    ({"credit_score": 640, "dti": 0.44, "income_verified": False}, "review"),
]


def until(holds: Callable[[], bool], what: str) -> None:
    """Poll until something holds; the bound is far above what it takes."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"gave up waiting: {what}"
        time.sleep(0.1)


def free_port() -> int:
    """Return a port that nobody holds at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Product:
    """One installation in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.output = folder / "output.txt"
        self.process = self._start()
        until(self.is_ready, "the first start")
        self.ready: dict[str, Any] = json.loads(self.ready_file.read_text())

    @property
    def ready_file(self) -> Path:
        """Return the file that says that all is up."""
        return self.folder / "run" / "ready.json"

    def environment(self) -> dict[str, str]:
        """Return the environment of every command on this installation."""
        return {
            **os.environ,
            "DOS_DATA_DIR": str(self.folder),
            "DOS_PORT": str(self.port),
            "DOS_WEB_WORKERS": "1",
        }

    def _start(self) -> subprocess.Popen[bytes]:
        with self.output.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "manage.py", "run"],
                cwd=ROOT,
                env=self.environment(),
                stdout=output,
                stderr=output,
            )

    def restart(self) -> None:
        """Start again after a stop or a kill."""
        self.process = self._start()
        until(self.is_ready, "another start")

    def is_ready(self) -> bool:
        """Return whether the product is up; fail at once when it ended instead."""
        if self.process.poll() is not None:
            pytest.fail(f"the product ended: {self.output.read_text()[-2000:]}")
        return self.ready_file.exists()

    def decide(self, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return status and body of one decision; status 0 where nobody answers."""
        request = urllib.request.Request(
            f"{self.ready['url']}/api/v1/decide/lending",
            json.dumps({"input": given}).encode(),
            {"X-Api-Key": self.ready["keys"]["agent"], "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return 0, {}

    def children(self, word: str) -> list[int]:
        """Return the processes of this installation whose command line holds a word."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                environment = (path / "environ").read_bytes()
            except OSError:
                continue
            # Servers write their own title over the environment; Redis keeps its socket in it.
            marks = (str(self.folder), Places(self.folder).key)
            if word in command and any(mark.encode() in environment + command.encode() for mark in marks):
                found.append(int(path.name))
        return found

    def stop(self) -> None:
        """Ctrl-C, and wait."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    """The product, started once for these tests."""
    with tempfile.TemporaryDirectory(prefix="dos-faults-", dir="/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        running = Product(Path(name))
        yield running
        running.stop()


class TestReady:
    """What a start leaves behind."""

    def test_file_holds_what_a_program_needs_and_is_private(self, product: Product) -> None:
        assert set(product.ready) == {"url", "organization", "keys", "admin"}
        assert set(product.ready["keys"]) == {"agent", "admin", "auditor"}
        assert stat.S_IMODE(product.ready_file.stat().st_mode) == 0o600

    @pytest.mark.requirement("A-D2")
    @pytest.mark.parametrize(("given", "expected"), CASES)
    def test_product_decides_the_golden_cases(
        self, product: Product, given: dict[str, Any], expected: str
    ) -> None:
        status, body = product.decide(given)
        assert (status, body["class"]) == (200, expected)

    def test_second_start_is_refused_in_one_line(self, product: Product) -> None:
        second = subprocess.run(
            [sys.executable, "manage.py", "run"],
            cwd=ROOT,
            env=product.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert second.returncode == 1
        assert "already runs" in second.stderr
        assert len(second.stderr.strip().splitlines()) == 1


class TestFaults:
    """What is killed comes back."""

    def test_redis_that_is_killed_stops_no_decision_and_is_started_again(self, product: Product) -> None:
        for process in product.children("redis-server"):
            os.kill(process, signal.SIGKILL)
        assert product.decide(CASES[0][0])[0] == 200
        until(lambda: "Redis stopped" in product.output.read_text(), "the line about Redis")
        until(lambda: bool(product.children("redis-server")), "Redis' return")

    def test_web_that_is_killed_is_started_again(self, product: Product) -> None:
        for process in product.children("granian"):
            os.kill(process, signal.SIGKILL)
        until(lambda: "web stopped" in product.output.read_text(), "the line about web")
        until(lambda: product.decide(CASES[0][0])[0] == 200, "web's return")

    def test_database_that_is_killed_is_told_as_503_and_comes_back_by_itself(self, product: Product) -> None:
        for process in product.children("bin/postgres -D"):
            os.kill(process, signal.SIGKILL)
        status, body = product.decide(CASES[0][0])
        assert status in {200, 503}
        if status == 503:
            assert body["code"] == "database_unavailable"
        until(lambda: product.decide(CASES[0][0])[0] == 200, "the database's return")

    def test_start_after_a_kill_finds_everything_again(self, product: Product) -> None:
        product.process.kill()
        product.process.wait(PATIENCE)
        until(lambda: not product.children("redis-server"), "the end of Redis")
        until(lambda: not product.children("granian"), "the end of web")
        product.ready_file.unlink()
        product.restart()
        assert json.loads(product.ready_file.read_text())["keys"] == product.ready["keys"]
        assert product.decide(CASES[1][0])[1]["class"] == "reject"
