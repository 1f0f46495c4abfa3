"""The commands of the tutorials, and README's, carried out against a product that was started for them.

A fence ``sh`` is run line by line; ``sh fails=4`` must end with that code, ``sh as=admin`` signs in as that
role first. The fence ``text`` behind it holds lines of the output, where `…` stands for anything.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    "tutorials/first-decision.md",
    "tutorials/first-changed-rule.md",
    "how-to/manage-keys.md",
]
FENCE = re.compile(r"^```(?P<kind>\w*)(?P<more>[^\n]*)\n(?P<body>.*?)^```", re.DOTALL | re.MULTILINE)
PATIENCE = 120.0
pytestmark = pytest.mark.xdist_group("product")


@dataclass
class Step:
    """Commands that stand together, and what their output holds."""

    commands: list[str]
    role: str = ""
    code: int = 0
    said: list[str] = field(default_factory=list)


def steps(text: str) -> list[Step]:
    """Return the steps of a page."""
    found: list[Step] = []
    for fence in FENCE.finditer(text):
        lines = [line for line in fence["body"].splitlines() if line.strip()]
        if fence["kind"] == "sh":
            more = dict(part.split("=") for part in fence["more"].split())
            found.append(Step(lines, more.get("as", ""), int(more.get("fails", 0))))
        elif fence["kind"] == "text" and found:
            found[-1].said += lines
    return found


class Shell:
    """A second shell in the same folder, as the tutorial has it."""

    def __init__(self, folder: Path) -> None:
        self.surroundings = {
            **os.environ,
            "DOS_DATA_DIR": str(folder),
            "HOME": str(folder / "home"),
            "XDG_CONFIG_HOME": str(folder / "home" / ".config"),
            "COLUMNS": "200",
        }
        self.seen: dict[str, str] = {}

    def run(self, command: str, code: int = 0) -> str:
        """Run a command; ids in capitals are those that were printed last."""
        for name, value in self.seen.items():
            command = command.replace(name, value)
        words = shlex.split(command)
        assert words[0] == ".venv/bin/dosctl", command
        done = subprocess.run(
            [sys.executable, "-m", "decisionos.dosctl", *words[1:]],
            cwd=ROOT,
            env=self.surroundings,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, f"{command}\n{said}"
        for name, mark in (("DECISION_ID", "decision id"), ("ENTRY_ID", "entry_id=")):
            known = re.search(mark + r"\s*([0-9a-f-]{36})", said)
            if known:
                self.seen[name] = known[1]
        return said


def fits(line: str, output: str) -> bool:
    """Return whether a line of the output is the one that the page shows."""
    parts = [re.escape(" ".join(part.split())) for part in line.split("…")]
    pattern = re.compile(".*".join(parts))
    return any(pattern.search(" ".join(given.split())) for given in output.splitlines())


def free_port() -> int:
    """Return a port that nobody holds at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    """Start the product with its demo organization."""
    folder = Path(tempfile.mkdtemp(prefix="dos-tutorial-", dir="/tmp"))
    folder.chmod(0o755)
    made = Shell(folder)
    ready, deadline = folder / "run" / "ready.json", time.monotonic() + PATIENCE
    with (folder / "run.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run"],
            cwd=ROOT,
            env={**made.surroundings, "DOS_PORT": str(free_port()), "DOS_WEB_WORKERS": "1"},
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        while not ready.exists():
            assert process.poll() is None, (folder / "run.log").read_text()[-2000:]
            assert time.monotonic() < deadline, "the product was not ready in time"
            time.sleep(0.2)
        assert json.loads(ready.read_text())["keys"]
        made.run(".venv/bin/dosctl login --ready")
        yield made
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)
        shutil.rmtree(folder, ignore_errors=True)


class TestTutorials:
    """Pages that are followed step by step."""

    @pytest.mark.parametrize("page", PAGES)
    def test_do_what_they_say(self, shell: Shell, page: str) -> None:
        found = steps((ROOT / "docs" / page).read_text())
        assert found, "the page has nothing to carry out"
        for step in found:
            if step.role:
                shell.run(f".venv/bin/dosctl login --ready --as {step.role}")
            output = "".join(shell.run(command, step.code) for command in step.commands)
            assert [line for line in step.said if not fits(line, output)] == [], output


class TestReadme:
    """The five things to try first."""

    def test_do_what_it_says(self, shell: Shell) -> None:
        commands = re.findall(r"`(\.venv/bin/dosctl [^`]+)`", (ROOT / "README.md").read_text())
        assert len(commands) >= 6
        for command in commands:
            assert shell.run(command).strip(), command


class TestWords:
    """What pages call by name, in bold, is called so on the screen."""

    UI = ["tutorials/first-changed-rule.md", "how-to/workbench.md"]

    @pytest.mark.parametrize("page", UI)
    def test_stand_on_the_screen(self, page: str) -> None:
        texts = "".join(
            path.read_text()
            for folder, endings in (
                ("templates", ("html",)),
                ("static/js", ("js",)),
                ("policy", ("py",)),
                ("tenancy", ("py",)),
                ("decisionos", ("py",)),
            )
            for ending in endings
            for path in (ROOT / folder).rglob(f"*.{ending}")
        )
        named = set(re.findall(r"\*\*([A-Z][^*.]{1,40})\*\*", (ROOT / "docs" / page).read_text()))
        assert {name for name in named if name not in texts} == set()
