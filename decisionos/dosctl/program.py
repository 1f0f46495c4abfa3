"""The parser and the one place where a command starts and ends."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata

import httpx

from decisionos.dosctl import client, exits, output, profiles, registry

_GROUPS = {
    "pack": "packs of contracts and rules",
    "rules": "rulesets in files",
    "contract": "decision contracts",
    "ledger": "the record nobody can change",
    "consent": "the consent register",
    "tenant": "the organization's configuration",
    "keys": "API keys",
    "evidence": "what can be proven",
}


@dataclass(slots=True)
class Context:
    """What a command gets: how to print, and how to reach the server."""

    output: output.Output
    profile_name: str | None = None
    transport: httpx.BaseTransport | None = None

    def client(self) -> client.Client:
        """Return a client for the chosen profile; raises Stop where no server is known."""
        return client.Client(profiles.choose(self.profile_name), transport=self.transport)


class _Parser(argparse.ArgumentParser):
    """Ends with 4 on bad usage; argparse's own 2 means a refusal here."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.print_usage(sys.stderr)
        self.exit(exits.INPUT, f"{self.prog}: {message}\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of every command in the registry."""
    common = _Parser(add_help=False)
    common.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    common.add_argument("--profile", default=argparse.SUPPRESS, help="a profile of the profile file")
    top = _Parser(
        prog="dosctl",
        description="Decide, evaluate and prove with DecisionOS.",
        epilog="Exit codes: 0 done, 2 refused by policy, 3 no permission, 4 bad input, 5 infrastructure.",
        parents=[common],
    )
    top.add_argument("--version", action="version", version=f"dosctl {_version()}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)
    groups: dict[str, argparse._SubParsersAction[_Parser]] = {}
    for command in registry.COMMANDS:
        *group, name = command.words
        holder = commands
        if group:
            if group[0] not in groups:
                made = commands.add_parser(group[0], help=_GROUPS[group[0]], description=_GROUPS[group[0]])
                groups[group[0]] = made.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
            holder = groups[group[0]]
        leaf = holder.add_parser(name, help=command.help, description=command.help, parents=[common])
        for argument in command.arguments:
            leaf.add_argument(*argument.names, **argument.options)
        leaf.set_defaults(command=command)
    return top


def _version() -> str:
    try:
        return metadata.version("decisionos")
    except metadata.PackageNotFoundError:
        return "0 (not installed)"


def main(argv: Sequence[str] | None = None, *, transport: httpx.BaseTransport | None = None) -> int:
    """Run one command and return its exit code; nothing but --help and bad usage exits by itself."""
    arguments = parser().parse_args(argv)
    as_json = bool(getattr(arguments, "json", False))
    context = Context(output.Output(as_json=as_json), getattr(arguments, "profile", None), transport)
    command: registry.Command = arguments.command
    try:
        return command.load()(context, arguments)
    except exits.Stop as stop:
        if as_json and stop.problem:
            context.output.json(stop.problem)
        sys.stderr.write(f"dosctl: {stop.message}\n")
        return stop.code
    except BrokenPipeError:
        # The reader has seen enough (`dosctl decisions | head`).
        sys.stderr.close()
        return exits.DONE
    except KeyboardInterrupt:
        sys.stderr.write("dosctl: stopped\n")
        return 130
