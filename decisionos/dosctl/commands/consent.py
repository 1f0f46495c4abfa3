"""``consent grant``, ``consent revoke``, ``consent list``."""

from __future__ import annotations

import argparse
from typing import Any

from decisionos.dosctl import exits
from decisionos.dosctl.program import Context

_COLUMNS = ("subject_id", "purpose", "scope", "status", "granted_at", "expires_at", "revoked_at")


def grant(context: Context, arguments: argparse.Namespace) -> int:
    """Record a consent."""
    body: dict[str, Any] = {
        "subject_id": arguments.subject,
        "purpose": arguments.purpose,
        "scope": arguments.scope,
        "doc_hash": arguments.document,
    }
    if arguments.ttl is not None:
        body["ttl"] = arguments.ttl
    answer = context.client().call("POST", "/consent/grant", json=body, write_key=True)
    context.output.facts(answer, answer)
    return exits.DONE


def revoke(context: Context, arguments: argparse.Namespace) -> int:
    """Record a withdrawal."""
    body = {"subject_id": arguments.subject}
    if arguments.purpose:
        body["purpose"] = arguments.purpose
    answer = context.client().call("POST", "/consent/revoke", json=body, write_key=True)
    told = answer or {"subject_id": arguments.subject, "status": "revoked"}
    context.output.facts(told, told)
    return exits.DONE


def listing(context: Context, arguments: argparse.Namespace) -> int:
    """List consents."""
    params = {"subject_id": arguments.subject} if arguments.subject else {}
    rows = context.client().pages("/consent", params, most=arguments.limit)
    context.output.rows(rows, rows, _COLUMNS, empty="No consent is recorded.")
    return exits.DONE
