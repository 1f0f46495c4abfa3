"""``contract show`` on a server, ``contract validate`` on a file."""

from __future__ import annotations

import argparse

from decisionos.dosctl import exits, inputs
from decisionos.dosctl.commands import local
from decisionos.dosctl.program import Context


def show(context: Context, arguments: argparse.Namespace) -> int:
    """Show a contract: its fields, its rulesets, its version."""
    rows = context.client().pages("/contracts", {"name": arguments.contract}, most=1_000)
    if arguments.version:
        rows = [row for row in rows if row.get("version") == arguments.version]
    # The version in force where there is one; otherwise the newest, which stands first.
    chosen = [row for row in rows if row.get("state") == "active"] or rows
    if not chosen:
        raise exits.Stop(f"There is no contract {arguments.contract!r} in this version.", exits.INPUT)
    context.output.facts(chosen[0], chosen[0])
    return exits.DONE


def validate(context: Context, arguments: argparse.Namespace) -> int:
    """Check a contract file field by field."""
    document = local.module("policy.decisions.contracts.document")
    with local.refusals():
        # Inside a pack the rulesets have no version of their own; any stands for the pack's here.
        contract = document.parse(document.load(inputs.read_text(arguments.file)), ruleset_version="0.0.0")
    told = {
        "name": contract.name,
        "version": contract.version,
        "rulesets": [ref.name for ref in contract.rulesets],
        "fields": sorted(contract.input_schema.get("properties", {})),
        "required": contract.input_schema.get("required", []),
        "digest": contract.digest,
    }
    context.output.facts(told, told)
    return exits.DONE
