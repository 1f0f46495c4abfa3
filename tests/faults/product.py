"""The product as a person starts it, in a folder of its own, and what can be done to it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from decisionos.kernel.servers import embedded
from decisionos.kernel.servers.places import Places

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 180.0
APPROVED = {"credit_score": 720, "dti": 0.30, "income_verified": True}
REJECTED = {"credit_score": 530, "dti": 0.30, "income_verified": True}
REVIEWED = {"credit_score": 640, "dti": 0.44, "income_verified": False}


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


@dataclass(frozen=True)
class Answer:
    """What came back, and how long it took. Status 0 where nobody answers."""

    status: int
    body: dict[str, Any]
    kind: str
    seconds: float


class Product:
    """One installation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.places = Places(folder)
        self.port = free_port()
        self.output = folder / "output.txt"
        self.process = self._start()

    def wait(self) -> None:
        """Wait until all is up."""
        until(self.is_ready, "the start")
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

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command on this installation to its end."""
        return subprocess.run(
            [sys.executable, *command],
            cwd=ROOT, env=self.environment(), capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip

    def spawn(self, *command: str, **more: str) -> subprocess.Popen[bytes]:
        """Start a command on this installation."""
        with (self.folder / "spawned.txt").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT, env={**self.environment(), **more}, stdout=output, stderr=output,
            )  # fmt: skip

    def _start(self) -> subprocess.Popen[bytes]:
        with self.output.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "manage.py", "run"],
                cwd=ROOT, env=self.environment(), stdout=output, stderr=output,
            )  # fmt: skip

    def kill(self) -> None:
        """End the command that holds all together as nobody should, and wait until its children follow."""
        self.process.kill()
        self.process.wait(PATIENCE)
        for word in ("redis-server", "granian", "celery"):
            until(lambda word=word: not self.children(word), f"the end of {word}")  # type: ignore[misc]

    def restart(self) -> None:
        """Start again after a stop or a kill."""
        self.ready_file.unlink(missing_ok=True)
        self.process = self._start()
        self.wait()

    def is_ready(self) -> bool:
        """Return whether the product is up; fail at once when it ended instead."""
        if self.process.poll() is not None:
            pytest.fail(f"the product ended: {self.output.read_text()[-2000:]}")
        return self.ready_file.exists()

    def call(self, path: str, body: Any = None, *, role: str = "agent", method: str = "POST") -> Answer:
        """Send one request and time it."""
        request = urllib.request.Request(
            f"{self.ready['url']}{path}",
            None if body is None else json.dumps(body).encode(),
            {"X-Api-Key": self.ready["keys"][role], "Content-Type": "application/json"},
            method=method,
        )
        began = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                content, status, kind = answer.read(), answer.status, answer.headers["Content-Type"]
        except urllib.error.HTTPError as error:
            with error:
                content, status, kind = error.read(), error.code, error.headers["Content-Type"]
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return Answer(0, {}, "", time.monotonic() - began)
        return Answer(status, json.loads(content), kind, time.monotonic() - began)

    def decide(self, given: dict[str, Any] = APPROVED) -> Answer:
        """Decide one application."""
        return self.call("/api/v1/decide/lending", {"input": given})

    def decides(self) -> bool:
        """Return whether a decision is made."""
        return self.decide().status == 200

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database as its superuser, past every policy."""
        with psycopg.connect(embedded.superuser_dsn(self.places, "decisionos")) as connection:
            return connection.execute(statement, values).fetchall()  # type: ignore[arg-type]

    def count(self, statement: str, *values: Any) -> int:
        """Return the one number that a statement selects."""
        return int(self.query(statement, *values)[0][0])

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
            marks = (str(self.folder), self.places.key)
            if word in command and any(mark.encode() in environment + command.encode() for mark in marks):
                found.append(int(path.name))
        return found

    def database(self) -> int:
        """Return the database server's first process, which starts the others."""
        (parent,) = self.children("bin/postgres -D")
        return parent

    def stop(self) -> None:
        """Ctrl-C, and wait."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(PATIENCE)


def children_of(process: int) -> list[int]:
    """Return the processes that a process started."""
    listed = subprocess.run(
        ["ps", "--ppid", str(process), "-o", "pid="], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in listed.stdout.split()]


class Frozen:
    """Processes and their children that stand still within the block, and go on after it."""

    def __init__(self, processes: Iterable[int]) -> None:
        self.processes = list(processes)
        assert self.processes

    def __enter__(self) -> None:
        # Parents first: what stands still starts no child that would be missed.
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGSTOP)
            self.processes += [child for child in children_of(process) if child not in self.processes]

    def __exit__(self, *exc: object) -> None:
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)
