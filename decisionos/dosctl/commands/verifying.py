"""Check an exported ledger without any server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from decisionos.dosctl import exits, inputs
from decisionos.dosctl.commands import local


def export(file: str, public_key: str | None) -> dict[str, Any]:
    """Return what the standalone verifier finds; raises Stop where it cannot start."""
    if not public_key:
        raise exits.Stop(
            "Give the keys you trust (--public-key): keys inside an export prove nothing about themselves.",
            exits.INPUT,
        )
    verifier = local.module("decisionos.kernel.ledger.verifier")
    try:
        trusted = verifier.load_keys(inputs.read_bytes(public_key))
        with Path(file).open("rb") as stream:
            result = verifier.verify(stream, trusted)
    except verifier.ExportBroken as broken:
        return {
            "valid": False,
            "first_broken": broken.seq,
            "entry_id": broken.entry_id,
            "reason": broken.reason,
        }
    except (OSError, ValueError) as error:
        raise exits.Stop(f"The export or the keys cannot be read: {error}", exits.INPUT) from error
    return {
        "valid": True,
        "first": result.header["first"],
        "last": result.header["last"],
        "checkpoints": result.checkpoints,
        "head": result.head,
    }
