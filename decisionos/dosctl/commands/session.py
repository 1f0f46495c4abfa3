"""``login``, ``whoami``, ``health``."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from pathlib import Path

from decisionos.dosctl import client, exits, inputs, profiles
from decisionos.dosctl.program import Context


def _from_ready(file: str, who: str) -> tuple[str, str]:
    place = Path(file) if file else Path(os.environ.get("DOS_DATA_DIR", "var")) / "run" / "ready.json"
    try:
        ready = json.loads(inputs.read_text(str(place)))
        return str(ready["url"]), str(ready["keys"][who])
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise exits.Stop(f"{place} does not say where the server is ({error}).", exits.INPUT) from error


def login(context: Context, arguments: argparse.Namespace) -> int:
    """Store a server and a key; the key is never an argument, where other accounts could read it."""
    if arguments.ready is not None:
        url, key = _from_ready(arguments.ready, arguments.who)
    else:
        url = arguments.url or os.environ.get("DOS_URL", "")
        if not url:
            raise exits.Stop("Give the server's address with --url.", exits.INPUT)
        if arguments.key_stdin:
            key = sys.stdin.readline().strip()
        else:
            key = os.environ.get("DOS_KEY", "") or getpass.getpass("API key: ")
    if not key:
        raise exits.Stop("No key was given.", exits.INPUT)
    profile = profiles.Profile(context.profile_name or profiles.DEFAULT, url.rstrip("/"), key)
    who = {}
    if not arguments.no_check:
        who = client.Client(profile, transport=context.transport).call("GET", "/whoami")
    place = profiles.save(profile)
    told = {"profile": profile.name, "url": profile.url, "file": str(place)}
    context.output.facts({**told, "whoami": who}, {**told, "signed in as": who.get("name") or "not checked"})
    return exits.DONE


def whoami(context: Context, arguments: argparse.Namespace) -> int:
    """Show who the key belongs to."""
    answer = context.client().call("GET", "/whoami")
    context.output.facts(answer, answer)
    return exits.DONE


def health(context: Context, arguments: argparse.Namespace) -> int:
    """Show readiness; a server that is not ready ends with 5."""
    api = context.client()
    try:
        answer = api.call("GET", "/readyz", root=True)
    except exits.Stop as stop:
        if not stop.problem:
            raise
        context.output.facts(stop.problem, stop.problem)
        return exits.INFRASTRUCTURE
    context.output.facts(answer, answer)
    return exits.DONE
