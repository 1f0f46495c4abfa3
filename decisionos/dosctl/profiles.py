"""Where the server is and which key to use: environment first, then the profile file.

What must stay true: the file holds keys, so it is created with mode 0600 and refused when others can read it.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path

from decisionos.dosctl import exits

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Profile:
    """One server and the key to it."""

    name: str
    url: str
    key: str


def path() -> Path:
    """Return the place of the profile file."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "decisionos" / "profiles.toml"


def load() -> dict[str, Profile]:
    """Return every stored profile; raises Stop where the file is unsafe or unreadable."""
    file = path()
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except FileNotFoundError:
        return {}
    if mode & 0o077:
        raise exits.Stop(f"{file} can be read by others. Run: chmod 600 {file}", exits.INPUT)
    try:
        document = tomllib.loads(file.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise exits.Stop(f"{file} is not valid TOML: {error}", exits.INPUT) from error
    return {
        name: Profile(name, str(entry.get("url", "")), str(entry.get("key", "")))
        for name, entry in document.items()
        if isinstance(entry, dict)
    }


def save(profile: Profile) -> Path:
    """Store one profile beside the others and return the file's place."""
    if not _NAME.match(profile.name):
        raise exits.Stop("A profile is named with letters, digits, - and _ only.", exits.INPUT)
    kept = {**load(), profile.name: profile}
    text = "".join(
        f"[{name}]\nurl = {_quoted(entry.url)}\nkey = {_quoted(entry.key)}\n\n"
        for name, entry in sorted(kept.items())
    )
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
    draft.replace(file)
    return file


def _quoted(text: str) -> str:
    # A TOML basic string takes JSON's escapes; characters outside ASCII stand as they are.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def choose(name: str | None) -> Profile:
    """Return the profile to use: DOS_URL and DOS_KEY win over the file. Raises Stop where there is none."""
    stored = load() if name or not (os.environ.get("DOS_URL") and os.environ.get("DOS_KEY")) else {}
    wanted = name or os.environ.get("DOS_PROFILE") or DEFAULT
    found = stored.get(wanted)
    if name and found is None:
        known = ", ".join(sorted(stored)) or "none"
        raise exits.Stop(f"There is no profile {name!r} in {path()} (known: {known}).", exits.INPUT)
    url = (None if name else os.environ.get("DOS_URL")) or (found.url if found else "")
    key = (None if name else os.environ.get("DOS_KEY")) or (found.key if found else "")
    if not url:
        raise exits.Stop("No server is known. Run `dosctl login`, or set DOS_URL and DOS_KEY.", exits.INPUT)
    if not url.startswith(("http://", "https://")):
        raise exits.Stop(
            f"The server's address must begin with http:// or https://, not {url!r}.", exits.INPUT
        )
    return Profile(wanted, url.rstrip("/"), key)
