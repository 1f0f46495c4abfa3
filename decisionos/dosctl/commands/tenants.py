"""``tenant validate``, ``tenant reload``."""

from __future__ import annotations

import argparse
from typing import Any

import yaml

from decisionos.dosctl import exits, inputs
from decisionos.dosctl.program import Context


def _source(file: str) -> dict[str, Any]:
    """Return the body that carries a file's own text, so that the server names the lines of the file."""
    text = inputs.read_text(file)
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise exits.Stop(f"{file} is not valid YAML: {error}", exits.INPUT) from error
    if not isinstance(value, dict):
        raise exits.Stop(f"{file} must hold a mapping.", exits.INPUT)
    return {"source": text}


def validate(context: Context, arguments: argparse.Namespace) -> int:
    """Ask the server whether a configuration is acceptable and what it would change."""
    answer = context.client().call("POST", "/config/validate", json=_source(arguments.file))
    if context.output.as_json or not answer.get("changes"):
        context.output.facts(answer, answer)
    else:
        context.output.rows(
            answer, answer["changes"], ("pointer", "change", "old", "new"), title="What would change"
        )
    return exits.DONE


def reload(context: Context, arguments: argparse.Namespace) -> int:
    """Put a configuration in force; without a file the server reads its own tenant.yaml."""
    body = _source(arguments.file) if arguments.file else {}
    answer = context.client().call("POST", "/config/reload", json=body, write_key=True)
    context.output.facts(answer, answer)
    return exits.DONE
