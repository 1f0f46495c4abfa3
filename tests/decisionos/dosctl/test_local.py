"""Rules and packs in files, evaluated without a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from decisionos.dosctl import exits, program
from decisionos.dosctl.commands import simulation

ROOT = Path(__file__).resolve().parents[3]
LENDING = ROOT / "packs" / "lending"

RULES = """
name: small
rules:
  - name: low
    when: score < 550
    priority: 10
    stop: true
    action: {class: reject, reasons: [low_score], confidence: 0.9}
  - name: high
    when: score >= 700 && debt <= 0.35
    action: {class: approve, reasons: [strong], confidence: 0.8}
  - name: never
    when: score > 5000
    action: {class: review, reasons: [odd]}
"""

# Six rows: rejects are right (precision 1), one of three bad ones is found, three go to a person.
SAMPLE = """credit_score,dti,income_verified,label
720,0.30,true,1
520,0.30,true,0
640,0.44,false,0
610,0.40,true,1
630,0.50,false,0
710,0.20,true,1
"""


@pytest.fixture
def ruleset(tmp_path: Path) -> str:
    file = tmp_path / "small.yaml"
    file.write_text(RULES)
    return str(file)


class TestTry:
    def test_shows_class_reasons_and_every_rule(
        self, ruleset: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert (
            program.main(["--json", "rules", "try", ruleset, "--set", "score=540", "--set", "debt=0.1"]) == 0
        )
        answer = json.loads(capsys.readouterr().out)
        assert (answer["class"], answer["reasons"], answer["confidence"]) == ("reject", ["low_score"], 0.9)
        assert [row["rule"] for row in answer["trace"]] == ["low"]

    def test_a_missing_field_is_not_evaluated(self, ruleset: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert program.main(["--json", "rules", "try", ruleset, "--set", "score=720"]) == exits.DONE
        answer = json.loads(capsys.readouterr().out)
        assert answer["class"] == "review"
        assert {row["rule"]: row["outcome"] for row in answer["trace"]}["high"] == "not_evaluated"

    def test_a_condition_that_cannot_be_read_is_bad_input(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "bad.yaml"
        file.write_text(RULES.replace("score > 5000", "score >"))
        assert program.main(["rules", "try", str(file), "--set", "score=1"]) == exits.INPUT
        assert "never" in capsys.readouterr().err

    def test_a_ruleset_that_is_wrong_names_the_line(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "bad.yaml"
        file.write_text(RULES.replace("class: approve", "class: perhaps"))
        assert program.main(["rules", "try", str(file), "--set", "score=1"]) == exits.INPUT
        assert "/rules/1/action/class" in capsys.readouterr().err


class TestLint:
    def test_names_a_duplicate_and_ends_with_2(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "twice.yaml"
        file.write_text(RULES.replace("name: high", "name: low"))
        assert program.main(["--json", "rules", "lint", str(file)]) == exits.POLICY
        found = json.loads(capsys.readouterr().out)
        assert any(item["rule"] == "low" and item["level"] == "error" for item in found)

    def test_an_unknown_field_is_found_with_the_contract(self, ruleset: str) -> None:
        contract = str(LENDING / "contracts" / "lending.yaml")
        assert program.main(["rules", "lint", ruleset, "--schema", contract]) == exits.POLICY

    @pytest.mark.requirement("A-D0")
    def test_our_own_rules_are_clean(self) -> None:
        contract = str(LENDING / "contracts" / "lending.yaml")
        command = ["rules", "lint", str(LENDING / "rulesets" / "lending.yaml"), "--schema", contract]
        assert program.main(command) == exits.DONE


class TestCoverage:
    def test_counts_hits_and_fails_below_the_least(
        self, ruleset: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        rows = tmp_path / "rows.csv"
        rows.write_text("score,debt\n540,0.1\n720,0.2\n")
        command = ["--json", "rules", "coverage", ruleset, str(rows)]
        assert program.main(command) == exits.DONE
        report = json.loads(capsys.readouterr().out)
        assert {row["rule"]: row["hits"] for row in report["rules"]} == {"low": 1, "high": 1, "never": 0}
        assert report["coverage"] == pytest.approx(0.6667)
        assert program.main([*command, "--least", "0.85"]) == exits.POLICY


@pytest.mark.requirement("A-M2")
class TestSimulate:
    @pytest.fixture
    def rows(self, tmp_path: Path) -> str:
        file = tmp_path / "rows.csv"
        file.write_text(SAMPLE)
        return str(file)

    def test_writes_the_report_as_json_and_as_a_page(self, rows: str, tmp_path: Path) -> None:
        command = [
            "simulate",
            "lending",
            rows,
            "--local",
            "--pack",
            str(LENDING),
            "--out",
            str(tmp_path / "out"),
        ]
        assert program.main(command) == exits.DONE
        report = json.loads((tmp_path / "out" / "report.json").read_text())
        assert report["metrics"]["reject_precision"] == 1.0
        assert report["metrics"]["recall"] == pytest.approx(0.3333)
        assert report["metrics"]["review_rate"] == 0.5
        page = (tmp_path / "out" / "report.html").read_text()
        assert "Evaluation of lending" in page
        assert "33.3 %" in page

    def test_compares_two_packs_and_says_why_decisions_flip(self, rows: str, tmp_path: Path) -> None:
        other = tmp_path / "other"
        for path in LENDING.rglob("*.yaml"):
            target = other / path.relative_to(LENDING)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path.read_text().replace("credit_score < 550", "credit_score < 500"))
        out = tmp_path / "out"
        command = ["simulate", "lending", rows, "--local", "--pack", str(LENDING), "--compare", str(other)]
        assert program.main([*command, "--out", str(out)]) == exits.DONE
        comparison = json.loads((out / "report.json").read_text())["comparison"]
        assert comparison["flipped"] == 1
        assert comparison["flips"][0]["row"] == 2
        assert "+reject_low_credit" in comparison["flips"][0]["why"]

    def test_counts_rows_that_the_contract_refuses(self, tmp_path: Path) -> None:
        file = tmp_path / "rows.jsonl"
        file.write_text('{"credit_score": 700, "dti": 0.1, "income_verified": true}\n{"credit_score": "x"}\n')
        out = tmp_path / "out"
        command = ["simulate", "lending", str(file), "--local", "--pack", str(LENDING), "--out", str(out)]
        assert program.main(command) == exits.DONE
        metrics = json.loads((out / "report.json").read_text())["metrics"]
        assert (metrics["rows"], metrics["invalid"]) == (1, 1)
        assert metrics["invalid_sample"][0]["row"] == 2

    def test_the_guard_ends_with_2(self, tmp_path: Path) -> None:
        file = tmp_path / "rows.csv"
        file.write_text("credit_score,dti,income_verified,label\n640,0.44,false,1\n")
        command = [
            "simulate",
            "lending",
            str(file),
            "--local",
            "--pack",
            str(LENDING),
            "--out",
            str(tmp_path),
        ]
        assert program.main([*command, "--guard"]) == exits.POLICY

    def test_an_unknown_contract_is_bad_input(self, rows: str) -> None:
        command = ["simulate", "nothing", rows, "--local", "--pack", str(LENDING)]
        assert program.main(command) == exits.INPUT


class TestSimulateOnAServer:
    def _report(self, rows: str, tmp_path: Path) -> dict[str, Any]:
        command = [
            "simulate",
            "lending",
            rows,
            "--local",
            "--pack",
            str(LENDING),
            "--out",
            str(tmp_path / "local"),
        ]
        assert program.main(command) == exits.DONE
        report: dict[str, Any] = json.loads((tmp_path / "local" / "report.json").read_text())
        return report

    @pytest.fixture
    def rows(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setenv("DOS_URL", "http://dos.example")
        monkeypatch.setenv("DOS_KEY", "k")
        file = tmp_path / "rows.csv"
        file.write_text(SAMPLE)
        return str(file)

    def test_sends_the_rows_and_writes_both_reports(self, rows: str, tmp_path: Path) -> None:
        report = self._report(rows, tmp_path)
        sent: list[Any] = []

        def answer(request: httpx.Request) -> httpx.Response:
            sent.append(json.loads(request.content))
            return httpx.Response(200, json=report)

        out = tmp_path / "out"
        command = ["simulate", "lending", rows, "--label", "label", "--out", str(out)]
        assert program.main(command, transport=httpx.MockTransport(answer)) == exits.DONE
        assert (len(sent[0]["rows"]), sent[0]["label_key"]) == (6, "label")
        assert json.loads((out / "report.json").read_text()) == report
        assert (out / "report.html").exists()

    def test_a_comparison_is_an_evaluation_that_is_waited_for(
        self, rows: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        report = self._report(rows, tmp_path)
        states = iter(["running", "done"])
        monkeypatch.setattr(simulation.time, "sleep", lambda seconds: None)

        def answer(request: httpx.Request) -> httpx.Response:
            path = request.url.path
            if path.endswith("/report"):
                return httpx.Response(200, json=report)
            if request.method == "POST":
                assert b'name="baseline"' in request.read()
                return httpx.Response(202, json={"id": "b1", "state": "queued"})
            return httpx.Response(200, json={"id": "b1", "state": next(states)})

        command = ["simulate", "lending", rows, "--compare", "0.9.0", "--out", str(tmp_path / "out")]
        assert program.main(command, transport=httpx.MockTransport(answer)) == exits.DONE

    def test_a_failed_evaluation_is_told(
        self, rows: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(202, json={"id": "b1", "state": "failed", "error": "no such column"})

        command = ["simulate", "lending", rows, "--version", "1.0.0", "--out", str(tmp_path / "out")]
        assert program.main(command, transport=httpx.MockTransport(answer)) == exits.INPUT
        assert "no such column" in capsys.readouterr().err


class TestContractValidate:
    def test_shows_the_fields(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert (
            program.main(["--json", "contract", "validate", str(LENDING / "contracts" / "lending.yaml")]) == 0
        )
        assert "credit_score" in json.loads(capsys.readouterr().out)["required"]

    def test_names_every_wrong_field(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "contract.yaml"
        file.write_text("name: Bad Name\nversion: one\nrulesets: [a]\ninput: {type: object}\n")
        assert program.main(["contract", "validate", str(file)]) == exits.INPUT
        printed = capsys.readouterr().err
        assert "/name" in printed
        assert "/version" in printed
