"""``tenant validate``, ``tenant reload``."""

from __future__ import annotations

import argparse
from typing import Any

import yaml

from decisionos.dosctl import exits, inputs
from decisionos.dosctl.program import Context


def _document(file: str) -> dict[str, Any]:
    try:
        value = yaml.safe_load(inputs.read_text(file))
    except yaml.YAMLError as error:
        raise exits.Stop(f"{file} is not valid YAML: {error}", exits.INPUT) from error
    if not isinstance(value, dict):
        raise exits.Stop(f"{file} must hold a mapping.", exits.INPUT)
    return value


def validate(context: Context, arguments: argparse.Namespace) -> int:
    """Ask the server whether a configuration is acceptable and what it would change."""
    answer = context.client().call("POST", "/config/validate", json=_document(arguments.file))
    context.output.facts(answer, answer)
    return exits.DONE


def reload(context: Context, arguments: argparse.Namespace) -> int:
    """Put a configuration in force; without a file the server loads its current version again."""
    body = _document(arguments.file) if arguments.file else {}
    answer = context.client().call("POST", "/config/reload", json=body, write_key=True)
    context.output.facts(answer, answer)
    return exits.DONE
