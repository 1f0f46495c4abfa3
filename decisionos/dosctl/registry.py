"""Every command, its arguments and where its code lives.

The code is named by text and imported when the command runs, so that ``dosctl --help`` costs nothing and
only a command that evaluates locally loads the rule language.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

_HERE = "decisionos.dosctl.commands"


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument as argparse takes it."""

    names: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Command:
    """A command's words, what it is for, its arguments and its function as ``module:name``."""

    words: tuple[str, ...]
    help: str
    target: str
    arguments: tuple[Argument, ...] = ()

    def load(self) -> Callable[..., int]:
        """Import the function that runs this command."""
        module, _, name = self.target.partition(":")
        return cast(Callable[..., int], getattr(importlib.import_module(f"{_HERE}.{module}"), name))


def _arg(*names: str, **options: Any) -> Argument:
    return Argument(names, options)


def _command(words: str, target: str, text: str, *arguments: Argument) -> Command:
    return Command(tuple(words.split()), text, target, arguments)


_FLAG: dict[str, Any] = {"action": "store_true"}
_LIMIT = _arg("--limit", type=int, default=50, help="how many rows at most (50)")
_CONTRACT = _arg("contract", help="the contract's name")
_DECISION = _arg("decision", help="the decision's id")
_DIR = _arg("dir", help="the pack's folder")
_ROWS = _arg("rows", help="a .csv, .json or .jsonl file, or - for JSON lines on standard input")

COMMANDS: tuple[Command, ...] = (
    _command(
        "login",
        "session:login",
        "store a server and a key in the profile file",
        _arg("--url", help="the server's address (or DOS_URL)"),
        _arg("--key-stdin", help="read the key from standard input", **_FLAG),
        _arg(
            "--ready", nargs="?", const="", metavar="FILE", help="take both from the ready.json of `make run`"
        ),
        _arg(
            "--as",
            dest="who",
            default="admin",
            choices=("agent", "admin", "auditor"),
            help="whose key (admin)",
        ),
        _arg("--no-check", help="store without asking the server", **_FLAG),
    ),
    _command("whoami", "session:whoami", "show who the key belongs to and what it may do"),
    _command("health", "session:health", "show whether the server and its parts are well"),
    _command(
        "decide",
        "decisions:decide",
        "decide one case",
        _CONTRACT,
        _arg("input", nargs="?", help="a JSON object, a file, or - for standard input"),
        _arg("--set", action="append", default=[], metavar="NAME=VALUE", help="set one field of the input"),
        _arg("--subject", help="the subject's id, for consent"),
        _arg("--purpose", help="the purpose of the processing"),
        _arg("--context", help="a JSON object with the context"),
        _arg("--idempotency-key", help="repeat safely: the same key gives the same decision"),
    ),
    _command(
        "batch",
        "decisions:batch",
        "decide many cases; prints one answer a line",
        _CONTRACT,
        _ROWS,
        _arg("--out", help="write the answers to a file and print a summary"),
    ),
    _command(
        "simulate",
        "simulation:simulate",
        "evaluate a contract over labelled rows; writes report.json and report.html",
        _CONTRACT,
        _ROWS,
        _arg("--label", help="the column that holds 1 good or 0 bad (the contract's own when left out)"),
        _arg("--out", default=".", help="the folder for the report (.)"),
        _arg("--version", help="the version to evaluate"),
        _arg("--compare", metavar="VERSION", help="the version, or locally the pack folder, to compare with"),
        _arg("--local", help="evaluate here, without a server", **_FLAG),
        _arg("--pack", metavar="DIR", help="the pack folder, with --local"),
        _arg("--guard", help="exit 2 when the regression guard fails", **_FLAG),
    ),
    _command("explain", "decisions:explain", "show why a decision came out as it did", _DECISION),
    _command("replay", "decisions:replay", "decide again with the recorded versions and compare", _DECISION),
    _command(
        "decisions",
        "decisions:listing",
        "list decisions, newest first",
        _arg("--contract", help="only this contract"),
        _arg("--class", dest="decision_class", help="only this class"),
        _arg("--subject", help="only this subject"),
        _arg("--since", help="only from this time on (ISO 8601)"),
        _arg("--until", help="only before this time (ISO 8601)"),
        _LIMIT,
    ),
    _command(
        "pack lint",
        "packs:lint",
        "look for mistakes in a pack; exit 2 on what --fail-on names",
        _DIR,
        _arg("--fail-on", choices=("error", "warning", "never"), default="error", help="what fails (error)"),
    ),
    _command(
        "pack sign",
        "packs:sign",
        "write manifest and signature into a pack folder",
        _DIR,
        _arg("--key", required=True, help="an Ed25519 private key, PEM"),
        _arg("--key-id", required=True, help="the publisher's key id"),
    ),
    _command(
        "pack verify",
        "packs:verify",
        "check a pack's manifest and signature",
        _DIR,
        _arg(
            "--publisher",
            action="append",
            default=[],
            required=True,
            metavar="ID=FILE",
            help="a trusted publisher's public key, PEM or base64",
        ),
    ),
    _command("pack import", "packs:import_pack", "send a signed pack to the server", _DIR),
    _command("pack list", "packs:listing", "list imported packs and what is active", _LIMIT),
    _command("pack activate", "packs:activate", "make a version active", _arg("name"), _arg("version")),
    _command("pack rollback", "packs:rollback", "make the version before active", _arg("name")),
    _command(
        "rules lint",
        "rules:lint",
        "look for duplicates, conflicts, unreachable rules, gaps; exit 2 on what --fail-on names",
        _arg("file", help="a ruleset or a decision table (.yaml)"),
        _arg("--schema", help="the contract's input schema (.json), to check types here"),
        _arg("--contract", help="check against this contract of the server"),
        _arg("--fail-on", choices=("error", "warning", "never"), default="error", help="what fails (error)"),
    ),
    _command(
        "rules coverage",
        "rules:coverage",
        "show which rules the rows reach",
        _arg("file", help="a ruleset or a decision table (.yaml)"),
        _arg("rows", nargs="?", help="rows (.csv, .json, .jsonl); with --contract, its newest decisions"),
        _arg("--schema", help="the contract's input schema (.json)"),
        _arg("--contract", help="measure on the server, with the rest of this contract around it"),
        _arg("--least", type=float, default=0.0, help="exit 2 below this share of rules (0)"),
    ),
    _command(
        "rules try",
        "rules:attempt",
        "run a ruleset on one input and record nothing",
        _arg("file", help="a ruleset or a decision table (.yaml)"),
        _arg("input", nargs="?", help="a JSON object, a file, or -"),
        _arg("--set", action="append", default=[], metavar="NAME=VALUE", help="set one field of the input"),
        _arg("--schema", help="the contract's input schema (.json)"),
        _arg("--contract", help="run on the server, with the rest of this contract around it"),
        _arg("--decision", metavar="ID", help="take the input of this decision, with --contract"),
    ),
    _command(
        "contract show",
        "contracts:show",
        "show a contract of the server",
        _CONTRACT,
        _arg("--version", help="this one"),
    ),
    _command(
        "contract validate",
        "contracts:validate",
        "check a contract file",
        _arg("file", help="a contract (.yaml)"),
    ),
    _command(
        "ledger verify",
        "ledger:verify",
        "check the chain and its checkpoints",
        _arg(
            "file",
            nargs="?",
            help="an export (.ndjson) to check here; the server checks its own when left out",
        ),
        _arg(
            "--public-key",
            metavar="FILE",
            help="the checkpoint keys (JSON of the export's server), with a file",
        ),
    ),
    _command(
        "ledger export",
        "ledger:export",
        "write the ledger as NDJSON",
        _arg("--out", default="-", help="a file (standard output)"),
        _arg("--since", type=int, help="from this sequence number on"),
    ),
    _command(
        "ledger proof",
        "ledger:proof",
        "prove that one entry is in the ledger",
        _arg("entry", help="the entry's id"),
    ),
    _command(
        "consent grant",
        "consent:grant",
        "record a consent",
        _arg("subject", help="the subject's id"),
        _arg("--purpose", required=True),
        _arg("--scope", action="append", default=[], help="a scope; repeat for more"),
        _arg(
            "--document", required=True, metavar="HASH", help="the hash of the document the person agreed to"
        ),
        _arg("--ttl", type=int, metavar="SECONDS", help="how long it holds"),
    ),
    _command(
        "consent revoke",
        "consent:revoke",
        "record a withdrawal",
        _arg("subject", help="the subject's id"),
        _arg("--purpose", help="only this purpose"),
    ),
    _command("consent list", "consent:listing", "list consents", _arg("subject", nargs="?"), _LIMIT),
    _command(
        "tenant validate", "tenants:validate", "check a tenant.yaml and show the difference", _arg("file")
    ),
    _command("tenant reload", "tenants:reload", "put a tenant.yaml in force", _arg("file", nargs="?")),
    _command(
        "keys create",
        "keys:create",
        "make an API key; its secret is shown once",
        _arg("name"),
        _arg("--role", required=True, help="the role bound to the key"),
        _arg("--scope", action="append", default=[], help="narrow the key; repeat for more"),
        _arg("--expires-in-days", type=int, help="when it ends"),
    ),
    _command(
        "keys revoke", "keys:revoke", "end an API key at once", _arg("key", help="the key's id or prefix")
    ),
    _command("keys list", "keys:listing", "list API keys; never their secrets", _LIMIT),
    _command("evidence controls", "evidence:controls", "run the six minimum controls; exit 2 when one fails"),
    _command(
        "conformance",
        "conformance:check",
        "run a published test suite; exit 4 when a case fails",
        _arg("suite", choices=("cel", "merkle")),
        _arg("file", help="the suite's JSON file"),
        _arg("--verbose", help="name each failure", **_FLAG),
    ),
)
