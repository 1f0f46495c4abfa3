"""``manage.py controls``: run the six minimum controls, print the rows, fail when one fails."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand

from decisionos.kernel import clock
from evidence.binder import controls


class Command(BaseCommand):
    """Print a row per control; exit 2 when one fails."""

    help = "Run the six minimum security controls and show the evidence."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the form of the output and a place for the signed copy."""
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument("--sign", metavar="FILE", help="write the signed checklist to a file")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, print, sign."""
        rows = controls.run_checks()
        if options["json"]:
            self.stdout.write(
                orjson.dumps([asdict(row) for row in rows], option=orjson.OPT_INDENT_2).decode()
            )
        else:
            for row in rows:
                self.stdout.write(
                    f"{row.id}  {'pass' if row.passed else 'FAIL'}  {row.title}\n         {row.evidence}"
                )
        if options["sign"]:
            signed = controls.checklist(rows, now=clock.now(), version=settings.DOS_VERSION)
            Path(options["sign"]).write_bytes(orjson.dumps(signed, option=orjson.OPT_INDENT_2) + b"\n")
        passed = sum(row.passed for row in rows)
        if not options["json"]:
            self.stdout.write(f"{passed}/{len(rows)} controls pass")
        if passed != len(rows):
            sys.exit(2)
