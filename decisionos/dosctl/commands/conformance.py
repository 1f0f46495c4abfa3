"""``conformance``: published test suites against our own code."""

from __future__ import annotations

import argparse
import json
from typing import Any

from decisionos.dosctl import exits, inputs
from decisionos.dosctl.commands import local
from decisionos.dosctl.program import Context

_LISTS = {"cel": "tests", "merkle": "items"}


def _cases(suite: str, file: str) -> list[dict[str, Any]]:
    try:
        document = json.loads(inputs.read_text(file))
    except json.JSONDecodeError as error:
        raise exits.Stop(f"{file} is not valid JSON: {error}", exits.INPUT) from error
    cases = document.get(_LISTS[suite]) if isinstance(document, dict) else None
    if not isinstance(cases, list) or not cases:
        raise exits.Stop(f"{file} holds no list {_LISTS[suite]!r} with a case.", exits.INPUT)
    return cases


def check(context: Context, arguments: argparse.Namespace) -> int:
    """Run a suite; the last line is exactly ``N passed, M failed``."""
    cases = _cases(arguments.suite, arguments.file)
    try:
        failures = (
            _cel(cases) if arguments.suite == "cel" else local.module("decisionos.kernel.merkle").run(cases)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise exits.Stop(f"{arguments.file} is not a suite of this kind: {error!r}", exits.INPUT) from error
    if arguments.verbose:
        for failure in failures:
            context.output.raw(f"FAILED {failure}")
    context.output.raw(f"{len(cases) - len(failures)} passed, {len(failures)} failed")
    return exits.INPUT if failures else exits.DONE


def _cel(cases: list[dict[str, Any]]) -> list[str]:
    report = local.module("policy.rules.cel.conformance").run(cases)
    return [
        f"{failure.name}: {failure.expression} expected {failure.expected}, got {failure.actual}"
        for failure in report.failures
    ]
