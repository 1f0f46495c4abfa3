"""``conformance``: published test suites against our own code."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import Any

from decisionos.dosctl import exits
from decisionos.dosctl.program import Context

_SUITES = {"cel": "policy.rules.cel.conformance", "merkle": "decisionos.kernel.merkle"}


def check(context: Context, arguments: argparse.Namespace) -> int:
    """Run a suite; the last line is exactly ``N passed, M failed``."""
    file = Path(arguments.file)
    if not file.is_file():
        raise exits.Stop(f"There is no file {file}.", exits.INPUT)
    try:
        result: Any = importlib.import_module(_SUITES[arguments.suite]).run(file)
    except (ValueError, KeyError, TypeError) as error:
        raise exits.Stop(f"{file} is not a suite of this kind: {error}", exits.INPUT) from error
    passed, failures = result.passed, list(result.failures)
    if passed + len(failures) == 0:
        raise exits.Stop(f"{file} holds no case.", exits.INPUT)
    if arguments.verbose:
        for failure in failures:
            context.output.raw(str(failure))
    context.output.raw(f"{passed} passed, {len(failures)} failed")
    return exits.INPUT if failures else exits.DONE
