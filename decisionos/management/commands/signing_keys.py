"""The installation's signing keys: which there are, a new one for a purpose, all sealed under a new ring."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from decisionos.kernel import errors
from decisionos.kernel.keys import services


class Command(BaseCommand):
    """List, rotate, rewrap."""

    help = "List the signing keys, rotate one, or seal all under the current encryption key."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what is to be done, and to which purpose."""
        doings = parser.add_subparsers(dest="doing", required=True, metavar="COMMAND")
        doings.add_parser("list", help="show each key's id, purpose and state")
        rotate = doings.add_parser("rotate", help="retire a purpose's key and make a new one")
        rotate.add_argument("purpose", help="ledger, tokens, packs, ...")
        doings.add_parser("rewrap", help="after DOS_ENCRYPTION_KEYS got a new first key")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it; a refusal is told in one line."""
        try:
            getattr(self, options["doing"])(options)
        except errors.DosError as error:
            raise CommandError(str(error)) from error

    def list(self, options: dict[str, Any]) -> None:
        """Print the keys, oldest first."""
        for key in services.public_keys():
            self.stdout.write(f"{key.kid}  {key.purpose}  {key.state}")

    def rotate(self, options: dict[str, Any]) -> None:
        """Make a new key; what the old one signed stays verifiable."""
        purpose = options["purpose"]
        known = {key.purpose for key in services.public_keys()}
        if purpose not in known:
            raise CommandError(
                f"Nothing is signed for {purpose!r}; there are {', '.join(sorted(known)) or 'none'}."
            )
        self.stdout.write(f"{services.rotate_key(purpose).kid}  {purpose}  active")

    def rewrap(self, options: dict[str, Any]) -> None:
        """Seal the private halves under the current encryption key."""
        self.stdout.write(f"{services.rewrap_keys()} keys sealed anew")
