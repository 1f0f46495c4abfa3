"""`/decide` and `/decide/batch` over HTTP against the whole product, beside a bare peer, all started here.

The load generator runs on the same cores. Both services use the same embedded PostgreSQL, one after the
other; each answer is checked before a figure is given.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from bench import load
from decisionos.kernel.servers import embedded, places

ROOT = Path(__file__).resolve().parent.parent
CONNECTIONS, WARM_SECONDS, SECONDS, BATCH = 8, 2.0, 8.0, 20_000
CASES = [
    ({"credit_score": 720, "dti": 0.3, "income_verified": True}, "approve"),
    ({"credit_score": 500, "dti": 0.3, "income_verified": True}, "reject"),
    ({"credit_score": 660, "dti": 0.4, "income_verified": True}, "approve"),
    ({"credit_score": 620, "dti": 0.5, "income_verified": True}, "review"),
]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(folder: Path) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    port = _free_port()
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


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the peer did not start")


def _rows(name: str, figures: dict[str, float], note: str) -> list[dict[str, Any]]:
    return [
        {"what": name, "value": figures["per_second"], "unit": "requests/s", "note": note},
        {"what": f"{name} median", "value": figures["median_ms"], "unit": "ms", "note": note},
        {"what": f"{name} p99", "value": figures["p99_ms"], "unit": "ms", "note": note},
    ]


def _under_load(port: int, requests: list[tuple[str, str]]) -> dict[str, float]:
    load.measure(port, requests, connections=CONNECTIONS, seconds=WARM_SECONDS)
    return load.measure(port, requests, connections=CONNECTIONS, seconds=SECONDS)


def _single(ready: dict[str, Any]) -> dict[str, float]:
    headers = {"X-Api-Key": ready["keys"]["agent"]}
    path = "/api/v1/decide/lending"
    return _under_load(
        ready["port"], [(load.request(path, {"input": given}, headers), kind) for given, kind in CASES]
    )


def _peer(folder: Path) -> dict[str, float]:
    dsn = embedded.superuser_dsn(places.Places(folder))
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE peer_decision (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
            "at timestamptz NOT NULL DEFAULT now(), input jsonb NOT NULL, answer jsonb NOT NULL)"
        )
    port = _free_port()
    process = subprocess.Popen(
        [
            sys.executable, "-m", "uvicorn", "bench.peer:app", "--port", str(port),
            "--workers", "2", "--log-level", "warning", "--no-access-log",
        ],
        cwd=ROOT,
        env={**os.environ, "PEER_DSN": dsn},
    )  # fmt: skip
    try:
        _wait_for(port, process)
        return _under_load(
            port, [(load.request("/decide", {"input": given}, {}), kind) for given, kind in CASES]
        )
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def _batch(ready: dict[str, Any]) -> dict[str, Any]:
    lines = [json.dumps({"input": given}) + "\n" for given, _ in CASES]
    connection = http.client.HTTPConnection("127.0.0.1", ready["port"], timeout=120)
    headers = {"X-Api-Key": ready["keys"]["agent"], "Content-Type": "application/x-ndjson"}
    body = "".join(lines) * (BATCH // len(lines))
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        connection.request("POST", "/api/v1/decide/lending/batch", body, headers)
        answers = connection.getresponse().read().splitlines()
        seconds.append(time.perf_counter() - began)
        classes = [json.loads(item).get("class") for item in answers]
        if classes != [kind for _, kind in CASES] * (BATCH // len(lines)):
            raise AssertionError("not every row was decided as it must be")
    return {
        "what": "/decide/batch",
        "value": BATCH / min(seconds),
        "unit": "decisions/s",
        "note": f"{BATCH} rows, durable, best of {len(seconds)}",
    }


def run() -> list[dict[str, Any]]:
    """Return the figures of one run."""
    with tempfile.TemporaryDirectory(prefix="dos-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        process, ready = _start(folder)
        try:
            ours, batch = _single(ready), _batch(ready)
            peer = _peer(folder)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
    note = f"{CONNECTIONS} connections, generator on the same cores"
    ratio = ours["per_second"] / peer["per_second"]
    return [
        *_rows("/decide", ours, note),
        batch,
        *_rows("FastAPI, zen-engine, one INSERT", peer, f"{note}; the product idles beside it"),
        {"what": "/decide against the peer", "value": ratio, "unit": "times", "note": ""},
    ]


if __name__ == "__main__":
    sys.stdout.write(f"load {os.getloadavg()}\n")
    for row in run():
        sys.stdout.write(f"{row['what']:34} {row['value']:>12,.2f} {row['unit']:12} {row['note']}\n")
