"""A contract as a document: read from YAML or JSON, checked field by field. No database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs
import orjson
import yaml

from decisionos.kernel import canonical, errors

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-[0-9A-Za-z.-]+)?\Z")
_KNOWN = {
    "name",
    "version",
    "schema_version",
    "description",
    "input_schema",
    "output_schema",
    "rulesets",
    "label_key",
    "checklist",
    "purpose",
}
_SHORT = {"input": "input_schema", "output": "output_schema"}
CLASSES = ("approve", "review", "reject")


class ContractInvalid(errors.Invalid):
    """The contract cannot be taken as it is."""

    code = "contract_invalid"
    title = "The contract is not acceptable"


@dataclass(frozen=True, slots=True)
class RulesetRef:
    """A ruleset in one version."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class ContractDocument:
    """What one version of a contract says."""

    name: str
    version: str
    input_schema: dict[str, Any]
    rulesets: tuple[RulesetRef, ...]
    output_schema: dict[str, Any] = field(default_factory=dict)
    description: str = ""
    label_key: str = ""
    checklist: dict[str, list[str]] = field(default_factory=dict)
    purpose: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the document as plain JSON values."""
        return {
            "name": self.name,
            "version": self.version,
            "description": self.description,
            "input_schema": self.input_schema,
            "output_schema": self.output_schema,
            "rulesets": [{"name": ref.name, "version": ref.version} for ref in self.rulesets],
            "label_key": self.label_key,
            "checklist": self.checklist,
            "purpose": self.purpose,
        }

    @property
    def digest(self) -> str:
        """Return the hash that names this content."""
        return canonical.digest(self.as_json())


def load(source: str | bytes) -> dict[str, Any]:
    """Return the mapping of a YAML or JSON text; raises ContractInvalid."""
    try:
        value = yaml.safe_load(source)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ContractInvalid("The contract is not valid YAML.") from error
    if not isinstance(value, dict):
        raise ContractInvalid("The contract must be a mapping.")
    plain: dict[str, Any] = orjson.loads(orjson.dumps(value, default=str))
    return plain


def _schema_problem(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "must be a JSON schema"
    try:
        jsonschema_rs.meta.validate(schema)
        jsonschema_rs.validator_for(schema)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        return f"is not a valid JSON schema: {str(error).splitlines()[0]}"
    return ""


def _refs(value: Any, default: str) -> tuple[tuple[RulesetRef, ...], list[dict[str, str]]]:
    if not isinstance(value, list) or not value:
        return (), [{"pointer": "/rulesets", "message": "must list at least one ruleset"}]
    refs, problems = [], []
    for at, item in enumerate(value):
        if (
            isinstance(item, dict)
            and isinstance(item.get("name"), str)
            and isinstance(item.get("version"), str)
        ):
            refs.append(RulesetRef(item["name"], item["version"]))
        elif isinstance(item, str) and default:
            refs.append(RulesetRef(item, default))
        else:
            problems.append({"pointer": f"/rulesets/{at}", "message": "must have a name and a version"})
    return tuple(refs), problems


def _checklist(value: Any) -> tuple[dict[str, list[str]], list[dict[str, str]]]:
    if isinstance(value, dict) and all(
        key in CLASSES and isinstance(items, list) and all(isinstance(item, str) for item in items)
        for key, items in value.items()
    ):
        return {key: list(items) for key, items in value.items()}, []
    return {}, [{"pointer": "/checklist", "message": "must list documents by class"}]


def _plain_fields(value: Mapping[str, Any]) -> list[dict[str, str]]:
    problems = [
        {"pointer": f"/{key}", "message": "is not a field of a contract"}
        for key in sorted(set(value) - _KNOWN - set(_SHORT))
    ]
    for key, pattern in (("name", _NAME), ("version", _VERSION)):
        if not isinstance(value.get(key), str) or not pattern.match(value[key]):
            problems.append({"pointer": f"/{key}", "message": f"is not an acceptable {key}"})
    texts = ("description", "label_key", "purpose")
    wrong = [key for key in texts if not isinstance(value.get(key, ""), str)]
    return problems + [{"pointer": f"/{key}", "message": "must be text"} for key in wrong]


def parse(given: Mapping[str, Any], *, ruleset_version: str = "") -> ContractDocument:
    """Return the document; raises ContractInvalid naming every wrong field.

    A file may write ``input`` and ``output`` for the two schemas. ``ruleset_version`` is the version of
    rulesets that are named alone, as in a pack, which carries its rulesets with it.
    """
    value = {_SHORT.get(key, key): item for key, item in given.items()}
    problems = _plain_fields(value)
    checklist, wrong = _checklist(value.get("checklist", {}))
    problems += wrong
    schema, output = value.get("input_schema"), value.get("output_schema") or {}
    if message := _schema_problem(schema):
        problems.append({"pointer": "/input_schema", "message": message})
    elif isinstance(schema, dict) and schema.get("type") != "object":
        problems.append({"pointer": "/input_schema/type", "message": "must be object"})
    if message := _schema_problem(output):
        problems.append({"pointer": "/output_schema", "message": message})
    refs, wrong = _refs(value.get("rulesets"), ruleset_version)
    problems += wrong
    if problems:
        raise ContractInvalid("Some fields of the contract are not acceptable.", errors=problems)
    return ContractDocument(
        name=value["name"],
        version=value["version"],
        input_schema=dict(schema or {}),
        rulesets=refs,
        output_schema=dict(output),
        description=value.get("description", "").strip(),
        label_key=value.get("label_key", ""),
        checklist=checklist,
        purpose=value.get("purpose", ""),
    )
