"""`/decide` and `/decide/batch` over HTTP against the whole product, started here on loopback.

The load generator runs on the same cores: eight connections, each one thread with a kept-alive connection.
Every answer is checked before a figure is given.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CONNECTIONS, SECONDS, BATCH = 8, 8.0, 20_000
INPUT = {"credit_score": 720, "dti": 0.3, "income_verified": True}


def _start(folder: Path) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run"],
        cwd=ROOT,
        env={**os.environ, "DOS_DATA_DIR": str(folder), "DOS_PORT": str(port)},
        stdout=subprocess.DEVNULL,
    )
    ready = folder / "run" / "ready.json"
    deadline = time.monotonic() + 90
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the product did not start")
        time.sleep(0.1)
    return process, {"port": port, **json.loads(ready.read_text())}


def _client(ready: dict[str, Any], until: float, seen: list[float]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", ready["port"])
    body = json.dumps({"input": INPUT})
    headers = {"X-Api-Key": ready["keys"]["agent"], "Content-Type": "application/json"}
    while time.monotonic() < until:
        began = time.perf_counter()
        connection.request("POST", "/api/v1/decide/lending", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        seen.append((time.perf_counter() - began) * 1000)
        if answer.status != 200 or json.loads(content)["class"] != "approve":
            raise AssertionError(content[:300])


def _single(ready: dict[str, Any]) -> list[dict[str, Any]]:
    times: list[float] = []
    began = time.monotonic()
    threads = [
        threading.Thread(target=_client, args=(ready, began + SECONDS, times)) for _ in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cuts = statistics.quantiles(times, n=100)
    note = f"{CONNECTIONS} connections, generator on the same cores"
    return [
        {
            "what": "/decide",
            "value": len(times) / (time.monotonic() - began),
            "unit": "requests/s",
            "note": note,
        },
        {"what": "/decide median", "value": statistics.median(times), "unit": "ms", "note": note},
        {"what": "/decide p99", "value": cuts[98], "unit": "ms", "note": note},
    ]


def _batch(ready: dict[str, Any]) -> dict[str, Any]:
    line = json.dumps({"input": INPUT}) + "\n"
    connection = http.client.HTTPConnection("127.0.0.1", ready["port"], timeout=120)
    headers = {"X-Api-Key": ready["keys"]["agent"], "Content-Type": "application/x-ndjson"}
    began = time.perf_counter()
    connection.request("POST", "/api/v1/decide/lending/batch", line * BATCH, headers)
    lines = connection.getresponse().read().splitlines()
    seconds = time.perf_counter() - began
    if len(lines) != BATCH or any(json.loads(item).get("class") != "approve" for item in lines):
        raise AssertionError("not every row was decided")
    return {
        "what": "/decide/batch",
        "value": BATCH / seconds,
        "unit": "decisions/s",
        "note": f"{BATCH} rows, durable",
    }


def run() -> list[dict[str, Any]]:
    """Return the figures of one run."""
    with tempfile.TemporaryDirectory(prefix="dos-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        process, ready = _start(folder)
        try:
            return [*_single(ready), _batch(ready)]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


if __name__ == "__main__":
    for row in run():
        sys.stdout.write(f"{row['what']:24} {row['value']:>12,.1f} {row['unit']:12} {row['note']}\n")
