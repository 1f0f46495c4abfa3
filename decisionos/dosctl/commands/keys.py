"""``keys create``, ``keys revoke``, ``keys list``."""

from __future__ import annotations

import argparse
from typing import Any

from decisionos.dosctl import exits
from decisionos.dosctl.program import Context

_COLUMNS = ("id", "name", "prefix", "roles", "scopes", "expires_at", "last_used_at", "revoked_at")


def create(context: Context, arguments: argparse.Namespace) -> int:
    """Make a key; this is the only time that its secret is seen."""
    body: dict[str, Any] = {"name": arguments.name, "role": arguments.role, "scopes": arguments.scope}
    if arguments.expires_in_days is not None:
        body["expires_in_days"] = arguments.expires_in_days
    answer = context.client().call("POST", "/keys", json=body, write_key=True)
    context.output.facts(answer, answer)
    context.output.line("Keep the key now: it is not shown again.")
    return exits.DONE


def revoke(context: Context, arguments: argparse.Namespace) -> int:
    """End a key, named by id or by the prefix that lists show."""
    api = context.client()
    found = [
        row
        for row in api.pages("/keys", {}, most=1000)
        if arguments.key in {str(row.get("id")), row.get("prefix")}
    ]
    if len(found) != 1:
        raise exits.Stop(
            f"{len(found)} keys are named {arguments.key!r}; exactly one is needed.", exits.INPUT
        )
    answer = api.call("DELETE", f"/keys/{found[0]['id']}", write_key=True)
    told = answer or {"id": found[0]["id"], "status": "revoked"}
    context.output.facts(told, told)
    return exits.DONE


def listing(context: Context, arguments: argparse.Namespace) -> int:
    """List keys."""
    rows = context.client().pages("/keys", {}, most=arguments.limit)
    context.output.rows(rows, rows, _COLUMNS, empty="There is no key.")
    return exits.DONE
