"""A contract ready to decide: the validator, the compiled rules, the versions that go into every answer.

What must stay true: everything here is immutable and safe to share between threads; an input that passes
``check`` has the types the rules were compiled for (a JSON ``1`` in a number field is ``1.0``, a ``1.0`` in
an integer field is ``1``), so that both spellings decide alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from decisionos.kernel import canonical, errors
from policy.decisions import nearest
from policy.decisions.contracts.document import ContractDocument
from policy.rules import compiling, rulesets, sources
from policy.rules import selectors as stored_rules

ENGINE = "dos-rules/1"


class InputInvalid(errors.Invalid):
    """The input does not fit the contract."""

    code = "payload_invalid"
    title = "The input does not fit the contract"


@dataclass(frozen=True, slots=True)
class Compiled:
    """One version of a contract, compiled."""

    document: ContractDocument
    digest: str
    program: compiling.Program
    validator: Any
    versions: dict[str, Any]
    doubles: tuple[str, ...]
    integers: tuple[str, ...]
    turnings: tuple[nearest.Turning, ...]

    def nearest_flip(self, data: dict[str, Any], given: str) -> dict[str, Any] | None:
        """Return the nearest change of one field that gives another class than the given one, or None."""
        return nearest.nearest_flip(self.turnings, self.program.decide, self.validator.is_valid, data, given)

    def problems(self, value: Any, *, prefix: str = "/input") -> list[dict[str, str]]:
        """Return every wrong field by JSON pointer."""
        found = []
        for error in self.validator.iter_errors(value):
            pointer = prefix + "".join(f"/{_escape(part)}" for part in error.instance_path)
            places = [f"{pointer}/{_escape(name)}" for name in _named(error)] or [pointer]
            found += [{"pointer": place, "message": _message(error)} for place in places]
        return found

    def check(self, value: Any) -> dict[str, Any]:
        """Return the input in the types of the contract; raises InputInvalid naming each wrong field."""
        if not self.validator.is_valid(value):
            raise InputInvalid("Some fields do not fit the contract.", errors=self.problems(value))
        for name in self.doubles:
            if type(value.get(name)) is int:
                value = {**value, name: float(value[name])}
        for name in self.integers:
            if type(value.get(name)) is float:
                value = {**value, name: int(value[name])}
        checked: dict[str, Any] = value
        return checked


def _escape(part: Any) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _named(error: Any) -> list[str]:
    kind = error.kind
    if type(kind).__name__.endswith("Required"):
        return [str(kind.property)]
    if type(kind).__name__.endswith("AdditionalProperties"):
        return [str(name) for name in kind.unexpected]
    return []


def _message(error: Any) -> str:
    # The library repeats the value in its text; what was sent may be personal, so it is not echoed.
    kind = type(error.kind).__name__.rpartition("_")[2]
    name = kind.removeprefix("ValidationErrorKind")
    told = {
        "Required": "is required",
        "AdditionalProperties": "is not a field of the contract",
        "Enum": "is not one of the allowed values",
    }
    if name in told:
        return told[name]
    if name == "Type":
        return f"must be of type {', '.join(map(str, getattr(error.kind, 'types', []))) or 'the contract'}"
    limit = getattr(error.kind, "limit", None)
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    return f"violates {words}" + (f" {limit}" if limit is not None else "")


def sources_of(document: ContractDocument) -> list[rulesets.Ruleset]:
    """Return the stored rulesets that the contract names; raises RulesetNotFound."""
    return [
        sources.read(stored_rules.get_version(name=ref.name, version=ref.version).source).ruleset
        for ref in document.rulesets
    ]


def compile_contract(document: ContractDocument, sources: Sequence[rulesets.Ruleset]) -> Compiled:
    """Compile a contract with its rulesets; raises RuleInvalid where a rule does not fit the input."""
    properties = document.input_schema.get("properties", {})

    def of(kind: str) -> tuple[str, ...]:
        return tuple(name for name, spec in properties.items() if spec.get("type") == kind)

    program = compiling.compile_rulesets(sources, document.input_schema, document.checklist)
    versions = {
        "contract": {"name": document.name, "version": document.version, "digest": document.digest},
        "rulesets": [
            {"name": ref.name, "version": ref.version, "digest": source.digest()}
            for ref, source in zip(document.rulesets, sources, strict=True)
        ],
        "engine": ENGINE,
    }
    return Compiled(
        document=document,
        digest=canonical.digest(versions),
        program=program,
        validator=jsonschema_rs.validator_for(document.input_schema),
        versions=versions,
        doubles=of("number"),
        integers=of("integer"),
        turnings=nearest.turnings_of(program, of("boolean")),
    )
