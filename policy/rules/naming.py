"""How versions made here are called.

What must stay true: a name proposed here never takes one that the publisher of a pack may use later: what
was changed on top of version 1.2.0 of a pack is 1.2.0-local.1, then 1.2.0-local.2.
"""

from __future__ import annotations

import re
from collections.abc import Collection

VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-[0-9A-Za-z.-]+)?\Z")
FIRST = "1.0.0"
_LOCAL = re.compile(r"(?P<stem>.+)-local\.(?P<number>\d+)\Z")


def next_version(base: str, taken: Collection[str], *, is_published: bool = False) -> str:
    """Return a free version that follows a base; the first one where there is none."""
    local = _LOCAL.match(base)
    if local or (base and is_published):
        stem, number = (local["stem"], int(local["number"]) + 1) if local else (base, 1)
        while f"{stem}-local.{number}" in taken:
            number += 1
        return f"{stem}-local.{number}"
    parts = VERSION.match(base)
    if parts is None:
        major, minor, patch = 1, 0, 0
    else:
        major, minor, patch = int(parts[1]), int(parts[2]), int(parts[3]) + 1
    while f"{major}.{minor}.{patch}" in taken:
        patch += 1
    return f"{major}.{minor}.{patch}"
