"""The public conformance cases, where the reference data is at hand, and the runner itself."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from policy.rules.cel import conformance, types, values

ROOT = Path(__file__).parents[4]
REFERENCE = (
    Path(os.environ.get("DOS_REFERENCE_DATA", ROOT.parent / "shared" / "data")) / "cel_conformance.json"
)
DOCUMENT = ROOT / "docs" / "policy" / "rules" / "cel-conformance.md"


def case(expr: str, **changes: Any) -> dict[str, Any]:
    plain = {"expr": expr, "container": "", "disable_check": False, "type_env": [], "bindings": {}}
    return plain | {"expect": {"value": {"bool": True}}} | changes


class TestReference:
    @pytest.mark.requirement("A-D0")
    def test_holds_but_for_what_the_document_explains(self) -> None:
        if not REFERENCE.exists():
            pytest.skip(f"no reference data at {REFERENCE}; set DOS_REFERENCE_DATA")
        report = conformance.run(json.loads(REFERENCE.read_text())["tests"])
        explained = DOCUMENT.read_text()
        assert report.total == 1227
        assert report.share >= 0.98
        assert [failure.name for failure in report.failures if failure.name not in explained] == []


class TestRun:
    def test_counts_passes_and_explains_failures(self) -> None:
        report = conformance.run([case("1 == 1"), case("1 == 2", file="own", section="s", name="wrong")])
        assert (report.passed, report.total, report.share) == (1, 2, 0.5)
        (failure,) = report.failures
        assert (failure.name, failure.actual) == ("own/s/wrong", "False")

    def test_does_not_take_one_type_of_number_for_another(self) -> None:
        assert conformance.run([case("1u", expect={"value": {"int": "1"}})]).passed == 0
        assert conformance.run([case("1", expect={"value": {"int": "1"}})]).passed == 1

    def test_does_not_take_a_value_for_an_error(self) -> None:
        assert conformance.run([case("1", expect={"error": ["any"]})]).passed == 0
        assert conformance.run([case("1 / 0", expect={"error": ["any"]})]).passed == 1

    def test_checks_types_unless_told_not_to(self) -> None:
        assert conformance.run([case("nothing || true")]).passed == 0
        assert conformance.run([case("nothing || true", disable_check=True)]).passed == 1

    def test_reads_declared_types(self) -> None:
        assert conformance.read_type("primitive: INT64") == types.INT
        flags = "list_type { elem_type { primitive: BOOL } }"
        text = f"map_type {{ key_type {{ primitive: STRING }} value_type {{ {flags} }} }}"
        assert conformance.read_type(text) == types.MapType(types.STRING, types.ListType(types.BOOL))

    def test_decodes_values(self) -> None:
        encoded = {"map": [[{"bool": True}, {"list": [{"uint": "3"}, {"bytes": "ff"}]}]]}
        assert conformance.decode(encoded) == {values.BoolKey.TRUE: [values.Uint(3), b"\xff"]}
