"""``ledger verify``, ``ledger export``, ``ledger proof``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from decisionos.dosctl import exits
from decisionos.dosctl.commands import verifying
from decisionos.dosctl.program import Context


def verify(context: Context, arguments: argparse.Namespace) -> int:
    """Check the server's ledger, or an exported file without any server; a broken chain ends with 2."""
    if arguments.file:
        answer = verifying.export(arguments.file, arguments.public_key)
    else:
        answer = context.client().call("POST", "/ledger/verify")
    context.output.facts(answer, answer)
    return exits.DONE if answer.get("valid") is True else exits.POLICY


def export(context: Context, arguments: argparse.Namespace) -> int:
    """Write the ledger as NDJSON; a file that did not become whole is removed."""
    params = {"since": arguments.since} if arguments.since is not None else {}
    lines = context.client().lines("GET", "/ledger/export", params=params)
    if arguments.out == "-":
        for line in lines:
            sys.stdout.write(line + "\n")
        return exits.DONE
    place, count = Path(arguments.out), 0
    draft = place.with_name(place.name + ".part")
    try:
        with draft.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(line + "\n")
                count += 1
        draft.replace(place)
    except OSError as error:
        raise exits.Stop(f"{place} cannot be written: {error}", exits.INPUT) from error
    finally:
        draft.unlink(missing_ok=True)
    context.output.facts({"file": str(place), "lines": count}, {"file": place, "lines": count})
    return exits.DONE


def proof(context: Context, arguments: argparse.Namespace) -> int:
    """Show an inclusion proof."""
    answer = context.client().call("GET", f"/ledger/entries/{arguments.entry}/proof")
    context.output.facts(answer, answer)
    return exits.DONE
