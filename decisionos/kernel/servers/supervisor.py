"""Run the product's processes as one: start in order, say what happens, restart what crashes, stop all.

One installation runs once: a file lock, which ends with the process that holds it, refuses a second start.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from decisionos.kernel.servers import embedded
from decisionos.kernel.servers.places import Places


class CannotStart(Exception):
    """The product cannot start; the message is one line that says what to do."""


@dataclass(slots=True)
class Child:
    """A process of the product and how to start it again."""

    name: str
    command: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    restarts: list[float] = field(default_factory=list)


class Supervisor:
    """Starts, watches and stops; use as a context manager."""

    most_restarts_a_minute = 5

    def __init__(self, places: Places, *, port: int, say: Callable[[str], None]) -> None:
        self.places = places
        self.port = port
        self.say = say
        self.children: list[Child] = []
        self.servers: list[tuple[str, subprocess.Popen[bytes], int]] = []
        self._lock: IO[str] | None = None
        self._stopping = False
        self._server_restarts: list[float] = []

    @property
    def url(self) -> str:
        """Return where the product is served."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ready_file(self) -> Path:
        """Return the file that says the product is up."""
        return self.places.run / "ready.json"

    def __enter__(self) -> Supervisor:
        self.places.run.mkdir(parents=True, exist_ok=True)
        self._lock = (self.places.run / "lock").open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.seek(0)
            holder = self._lock.read().strip() or "another process"
            self._lock.close()
            raise CannotStart(f"DecisionOS already runs on {self.places.data} ({holder}).") from error
        self.ready_file.unlink(missing_ok=True)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError as error:
                raise CannotStart(
                    f"Port {self.port} is taken; choose another with DOS_PORT=8001 make run."
                ) from error
        self._lock.truncate(0)
        self._lock.write(f"pid {os.getpid()}, {self.url}")
        self._lock.flush()
        shutil.rmtree(self.places.metrics, ignore_errors=True)
        self.places.metrics.mkdir(parents=True)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _on_signal(self, number: int, frame: Any) -> None:
        if not self._stopping:
            self._stopping = True
            raise KeyboardInterrupt

    def start_servers(self, *, postgres: bool, redis: bool) -> None:
        """Start the embedded servers that are wanted; adopt what an earlier start left running."""
        for wanted, name, start, how in (
            (postgres, "PostgreSQL", embedded.start_postgres, signal.SIGINT),
            (redis, "Redis", embedded.start_redis, signal.SIGTERM),
        ):
            if not wanted:
                self.say(f"{name}: the configured server is used")
                continue
            process = start(self.places)
            if process is None:
                self.say(f"{name}: an earlier start left it running; it is used")
            else:
                self.servers.append((name, process, how))
                self.say(f"{name}: started")

    def start(self, name: str, *command: str) -> None:
        """Start one of the product's processes."""
        child = Child(name, [sys.executable, *command], self.places.logs / f"{name}.log")
        self._spawn(child)
        self.children.append(child)

    def _spawn(self, child: Child) -> None:
        self.places.logs.mkdir(parents=True, exist_ok=True)
        with child.log.open("ab") as log:
            child.process = subprocess.Popen(
                child.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                preexec_fn=embedded.ends_with_parent(signal.SIGTERM),
                # Every process counts into one folder, so that any web process can tell of all.
                env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(self.places.metrics)},
            )  # fmt: skip

    def wait_for_web(self, *, seconds: float = 60) -> None:
        """Wait until the web process answers; raises CannotStart."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:  # noqa: S310  own loopback
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            web = next(child for child in self.children if child.name == "web")
            if web.process and web.process.poll() is not None:
                tail = " | ".join(web.log.read_text(errors="replace").strip().splitlines()[-3:])
                raise CannotStart(f"The web process stopped: {tail}")
            if time.monotonic() > deadline:
                raise CannotStart(f"The web process did not answer within {seconds:.0f} s; see {web.log}.")
            time.sleep(0.1)

    def write_ready(self, content: dict[str, Any]) -> None:
        """Write the ready file, whole or not at all, readable by its owner only."""
        draft = self.ready_file.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({"url": self.url, **content}, file, indent=2)
        draft.rename(self.ready_file)

    def watch(self) -> None:
        """Serve until interrupted; a process that crashes is started again and told in one line."""
        while True:
            time.sleep(0.5)
            for index, server in enumerate(self.servers):
                if server[1].poll() is not None:
                    self._restart_server(index)
            for child in self.children:
                if child.process is not None and child.process.poll() is not None:
                    self._revive(child)

    def _restart_server(self, index: int) -> None:
        name, process, how = self.servers[index]
        now = time.monotonic()
        self._server_restarts = [moment for moment in self._server_restarts if now - moment < 60] + [now]
        if len(self._server_restarts) > self.most_restarts_a_minute:
            raise CannotStart(f"{name} keeps stopping (exit {process.returncode}); see {self.places.logs}.")
        self.say(f"{name} stopped (exit {process.returncode}) and is started again; see {self.places.logs}")
        start = embedded.start_postgres if how == signal.SIGINT else embedded.start_redis
        again = start(self.places)
        if again is not None:
            self.servers[index] = (name, again, how)

    def _revive(self, child: Child) -> None:
        now = time.monotonic()
        child.restarts = [moment for moment in child.restarts if now - moment < 60] + [now]
        code = child.process.returncode if child.process else "?"
        if len(child.restarts) > self.most_restarts_a_minute:
            raise CannotStart(f"{child.name} keeps crashing (exit {code}); see {child.log}.")
        self.say(f"{child.name} stopped (exit {code}) and was started again; see {child.log}")
        self._spawn(child)

    def stop(self) -> None:
        """Stop every child, the product's processes before the servers beneath them."""
        self._stopping = True
        running = [child for child in self.children if child.process and child.process.poll() is None]
        for child in running:
            if child.process:
                child.process.terminate()
        for child in running:
            embedded.stop(child.process, wait=15)
        for _, process, how in reversed(self.servers):
            embedded.stop(process, how=how)
        self.ready_file.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
