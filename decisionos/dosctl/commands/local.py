"""What runs here and not on a server: the product's own code, imported when it is needed.

What must stay true: a refusal of that code ends the command with the refusal's own exit code.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
from collections.abc import Iterator
from typing import Any

from decisionos.dosctl import exits, inputs
from decisionos.kernel import errors


def module(name: str) -> Any:
    """Import one of the product's modules by name."""
    return importlib.import_module(name)


def django() -> None:
    """Start Django for the few evaluations that share code with the server; no database is touched."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "decisionos.settings")
    module("django").setup()


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Turn a refusal of the product's code into the end of the command."""
    try:
        yield
    except errors.DosError as refusal:
        message = refusal.detail
        for entry in refusal.errors:
            place = entry.get("pointer") or "/"
            line = f" (line {entry['line']})" if entry.get("line") else ""
            message += f"\n  {place}{line}: {entry.get('message', '')}"
        raise exits.Stop(message, refusal.exit_code, problem=refusal.as_problem()) from refusal


_JSON_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "number"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)


def schema_of(file: str | None, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of a file (JSON, or a contract in YAML), or one that the rows themselves suggest."""
    if file is None:
        return _suggested(rows)
    if file.endswith((".yaml", ".yml")):
        with refusals():
            document = module("policy.rules.documents").read(inputs.read_text(file)).data
    else:
        try:
            document = json.loads(inputs.read_text(file))
        except json.JSONDecodeError as error:
            raise exits.Stop(f"{file} is not valid JSON: {error}", exits.INPUT) from error
    for name in ("input", "input_schema"):
        if isinstance(document, dict) and isinstance(document.get(name), dict):
            document = document[name]
    if not isinstance(document, dict):
        raise exits.Stop(f"{file} holds no schema.", exits.INPUT)
    return document


def _suggested(rows: list[dict[str, Any]]) -> dict[str, Any]:
    kinds: dict[str, set[str]] = {}
    for row in rows:
        for name, value in row.items():
            kinds.setdefault(name, set()).update(
                text for kind, text in _JSON_TYPES[:1] if isinstance(value, kind)
            )
            if not isinstance(value, bool):
                kinds[name].update(text for kind, text in _JSON_TYPES[1:] if isinstance(value, kind))
    return {
        "type": "object",
        "properties": {
            name: {"type": next(iter(found))} if len(found) == 1 else {} for name, found in kinds.items()
        },
    }
