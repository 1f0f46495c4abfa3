"""How the parts of a pack reach the apps that own them.

The folder of a pack names the kind of a part. ``policy.packs`` installs ``rulesets`` itself; an app above
registers its own kind at start-up, so that packs never import what stands above them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a pack."""

    path: str
    content: bytes
    pack: str
    pack_version: str
    actor: str


class Installer(Protocol):
    """What an owner of parts can do, in the caller's transaction and scope."""

    def install(self, parts: list[Part]) -> None:
        """Store the parts without putting them in force; raises a refusal."""

    def activate(self, parts: list[Part]) -> None:
        """Put the parts in force."""


_installers: dict[str, Installer] = {}


def register(folder: str, installer: Installer) -> None:
    """Name who owns the files of a folder."""
    _installers[folder] = installer


def installers() -> dict[str, Installer]:
    """Return the owners by folder, in the order in which they must install."""
    return dict(_installers)
