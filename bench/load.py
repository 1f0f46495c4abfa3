"""A load generator light enough to share two cores with what it measures: one process, one poll loop.

Each connection sends its next request when the answer to the last one is complete. Requests are made
beforehand; of each answer the status and the decision's class are checked.
"""

from __future__ import annotations

import json
import select
import socket
import statistics
import subprocess
import sys
import time
from typing import Any

OPEN_SECONDS = 10


def request(path: str, body: dict[str, Any], headers: dict[str, str]) -> str:
    """Return one HTTP/1.1 request as text."""
    content = json.dumps(body, separators=(",", ":"))
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, f"Content-Length: {len(content)}", "", content])


def measure(
    port: int, requests: list[tuple[str, str]], *, connections: int, seconds: float
) -> dict[str, float]:
    """Send ``(request, class expected)`` in turn from a process of its own; returns the figures."""
    job = {"port": port, "requests": requests, "connections": connections, "seconds": seconds}
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(done.stderr[-500:])
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


class _Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), OPEN_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.expected = b""
        self.began = 0.0

    def send(self, data: bytes, expected: bytes) -> None:
        self.expected = expected
        self.began = time.perf_counter()
        self.socket.sendall(data)

    def complete(self) -> bool:
        """Read what is there; returns whether the answer is whole, and refuses a wrong one."""
        part = self.socket.recv(65_536)
        if not part:
            raise AssertionError("the server closed the connection")
        self.buffer += part
        head, gap, body = self.buffer.partition(b"\r\n\r\n")
        if not gap:
            return False
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or b"0")
        if len(body) < length:
            return False
        if not head.startswith(b"HTTP/1.1 200") or self.expected not in body:
            raise AssertionError(self.buffer[:600])
        self.buffer = b""
        return True


def _loop(job: dict[str, Any]) -> dict[str, float]:
    given = [(text.encode(), f'"class":"{kind}"'.encode()) for text, kind in job["requests"]]
    poll, open_ones, times, turn = select.epoll(), {}, [], 0
    for _ in range(job["connections"]):
        connection = _Connection(job["port"])
        poll.register(connection.socket.fileno(), select.EPOLLIN)
        open_ones[connection.socket.fileno()] = connection
        connection.send(*given[turn % len(given)])
        turn += 1
    began = time.perf_counter()
    until = began + job["seconds"]
    while (now := time.perf_counter()) < until:
        for number, _ in poll.poll(1):
            connection = open_ones[number]
            if connection.complete():
                times.append((time.perf_counter() - connection.began) * 1000)
                connection.send(*given[turn % len(given)])
                turn += 1
    cuts = statistics.quantiles(times, n=100)
    return {
        "count": len(times),
        "per_second": len(times) / (now - began),
        "median_ms": statistics.median(times),
        "p99_ms": cuts[98],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_loop(json.load(sys.stdin))))
