"""The lending pack as it ships, read from its source files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from policy.rules import compiling, rulesets

PACK = Path(__file__).resolve().parents[3] / "packs" / "lending"


@pytest.fixture(scope="session")
def contract() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((PACK / "contracts" / "lending.yaml").read_text())
    return content


@pytest.fixture(scope="session")
def lending(contract: dict[str, Any]) -> list[rulesets.Ruleset]:
    return [rulesets.loads((PACK / "rulesets" / f"{name}.yaml").read_text()) for name in contract["rulesets"]]


@pytest.fixture(scope="session")
def program(lending: list[rulesets.Ruleset], contract: dict[str, Any]) -> compiling.Program:
    return compiling.compile_rulesets(lending, contract["input"], contract["checklist"])
