"""``evidence controls``."""

from __future__ import annotations

import argparse

from decisionos.dosctl import exits
from decisionos.dosctl.program import Context


def controls(context: Context, arguments: argparse.Namespace) -> int:
    """Run the minimum controls on the server and show each with its evidence."""
    answer = context.client().call("GET", "/evidence/controls")
    rows = answer["controls"]
    context.output.rows(
        answer, rows, ("id", "title", "passed", "evidence"), title="Minimum security controls"
    )
    failed = [row["id"] for row in rows if row["passed"] is not True]
    context.output.line(f"{len(rows) - len(failed)} of {len(rows)} controls pass.")
    return exits.POLICY if failed or not rows else exits.DONE
