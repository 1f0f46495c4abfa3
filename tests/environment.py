"""The servers of a test run: each worker has a PostgreSQL and a Redis of its own, and a prepared template.

Loaded before Django's settings. A cluster for each worker, because the ledger's sealer waits for every older
transaction of the cluster: one worker's test must not hold up another's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OWNER = "DOS_TEST_FOLDER" not in os.environ
if OWNER:
    os.environ["DOS_TEST_FOLDER"] = tempfile.mkdtemp(prefix="dos-test-", dir="/tmp")
    Path(os.environ["DOS_TEST_FOLDER"]).chmod(0o755)
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
FOLDER = Path(os.environ["DOS_TEST_FOLDER"]) / WORKER
FOLDER.mkdir(mode=0o755, exist_ok=True)
os.environ["DOS_DATA_DIR"] = str(FOLDER)
for name in ("DATABASE_URL", "REDIS_URL", "DOS_ENV", "DOS_DEBUG", "DOS_DEMO"):
    os.environ.pop(name, None)

from decisionos.kernel.servers import embedded  # noqa: E402  the environment comes first
from decisionos.kernel.servers.places import Places  # noqa: E402

PLACES = Places(FOLDER)
_started: list[subprocess.Popen[bytes] | None] = []


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers and prepare the template; the controller of several workers runs no test itself."""
    if WORKER == "main" and config.getoption("numprocesses", None):
        return
    _started.append(embedded.start_postgres(PLACES, durable=False))
    _started.append(embedded.start_redis(PLACES))
    done = subprocess.run(
        [sys.executable, "manage.py", "setup"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the template database could not be prepared:\n{done.stderr[-4000:]}")


def pytest_unconfigure() -> None:
    """Stop what was started and remove its data."""
    while _started:
        embedded.stop(_started.pop(), how=2)
    shutil.rmtree(PLACES.sockets, ignore_errors=True)
    if OWNER:
        shutil.rmtree(os.environ["DOS_TEST_FOLDER"], ignore_errors=True)
