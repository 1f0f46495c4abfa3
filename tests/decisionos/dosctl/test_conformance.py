"""The conformance command: counts, names and exit codes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from decisionos.dosctl import exits, program

EMPTY = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
REFERENCE = Path(
    os.environ.get("DOS_REFERENCE_DATA", Path(__file__).resolve().parents[4] / "shared" / "data")
)


def _suite(folder: Path, *wrong: bool) -> str:
    case = {"size1": 0, "size2": 0, "root1": EMPTY, "root2": EMPTY, "proof": None}
    items = [
        {"kind": "consistency", "name": f"case-{at}", "case": {**case, "wantErr": bad}}
        for at, bad in enumerate(wrong)
    ]
    file = folder / "suite.json"
    file.write_text(json.dumps({"items": items}))
    return str(file)


class TestConformance:
    def test_ends_with_the_counts(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert program.main(["conformance", "merkle", _suite(tmp_path, False, False)]) == exits.DONE
        assert capsys.readouterr().out.splitlines()[-1] == "2 passed, 0 failed"

    def test_names_each_failure_when_verbose(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert (
            program.main(["conformance", "merkle", _suite(tmp_path, False, True), "--verbose"]) == exits.INPUT
        )
        assert capsys.readouterr().out.splitlines() == ["FAILED case-1", "1 passed, 1 failed"]

    def test_an_empty_suite_is_bad_input(self, tmp_path: Path) -> None:
        assert program.main(["conformance", "merkle", _suite(tmp_path)]) == exits.INPUT

    def test_a_file_of_another_kind_is_bad_input(self, tmp_path: Path) -> None:
        assert program.main(["conformance", "cel", _suite(tmp_path, False)]) == exits.INPUT

    @pytest.mark.skipif(not REFERENCE.exists(), reason="the reference data are absent")
    def test_our_merkle_tree_passes_the_published_cases(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert (
            program.main(["conformance", "merkle", str(REFERENCE / "merkle_proofs.json"), "--verbose"]) == 0
        )
        assert capsys.readouterr().out.endswith(" passed, 0 failed\n")
