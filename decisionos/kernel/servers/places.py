"""Where the embedded servers keep their data and sockets. Pure functions of the data folder."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import secrets
import stat
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

SERVICE_USER = "nobody"


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one installation."""

    data: Path

    @property
    def key(self) -> str:
        """Return a short name that is unique to this data folder."""
        return hashlib.sha256(str(self.data).encode()).hexdigest()[:12]

    @property
    def sockets(self) -> Path:
        """Return the folder of the Unix sockets; short, because their paths may have 107 bytes at most."""
        return Path("/tmp") / f"dos-{self.key}"  # noqa: S108  guarded by `private_folder`

    @property
    def redis_socket(self) -> Path:
        """Return Redis' socket."""
        return self.sockets / "redis.sock"

    @property
    def postgres(self) -> Path:
        """Return PostgreSQL's data folder, where the account that runs the server can reach it."""
        local = self.data / "postgres"
        if os.geteuid() != 0 or reachable(self.data):
            return local
        return Path("/var/tmp") / f"decisionos-{self.key}" / "postgres"  # noqa: S108  owned by the server

    @property
    def run(self) -> Path:
        """Return the folder of run-time state: ready.json, the lock, logs' neighbours."""
        return self.data / "run"

    @property
    def metrics(self) -> Path:
        """Return the folder into which every process counts; it begins empty at each start."""
        return self.run / "metrics"

    @property
    def logs(self) -> Path:
        """Return the folder of the log channels."""
        return self.data / "logs"


def reachable(folder: Path) -> bool:
    """Return whether an account other than root may pass through every parent of a folder."""
    nearest = folder
    while not nearest.exists():
        nearest = nearest.parent
    return all(path.stat().st_mode & stat.S_IXOTH for path in (nearest, *nearest.parents))


def service_account() -> pwd.struct_passwd | None:
    """Return the account that the servers run as; None where the present one will do."""
    return pwd.getpwnam(SERVICE_USER) if os.geteuid() == 0 else None


def private_folder(path: Path, *, owner: pwd.struct_passwd | None = None, mode: int = 0o700) -> Path:
    """Make a folder that only its owner enters; refuse one that somebody else made first."""
    path.mkdir(parents=True, exist_ok=True)
    expected = owner.pw_uid if owner else os.geteuid()
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode) or status.st_uid not in {expected, os.geteuid()}:
        raise PermissionError(f"{path} belongs to another account; remove it and start again.")
    if owner:
        os.chown(path, owner.pw_uid, owner.pw_gid)
    path.chmod(mode)
    return path


def installation_secrets(data: Path) -> dict[str, str]:
    """Return this installation's own secrets, made on first use; environment variables win over them."""
    path = data / "secrets.json"
    if path.exists():
        loaded: dict[str, str] = json.loads(path.read_text())
        return loaded
    data.mkdir(parents=True, exist_ok=True)
    made = {
        "secret_key": secrets.token_urlsafe(48),
        "encryption_keys": "k1:" + b64encode(secrets.token_bytes(32)).decode(),
    }
    draft = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(made, file)
    try:
        # Two first starts at once: the one that links first wins, the other reads it.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    result: dict[str, str] = json.loads(path.read_text())
    return result
