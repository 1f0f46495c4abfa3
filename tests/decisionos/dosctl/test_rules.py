"""`rules lint`, `coverage` and `try` on a server, beside what they do here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from decisionos.dosctl import exits, program
from decisionos.kernel import clock
from decisionos.kernel.tenants import scope
from decisionos.wsgi import application
from policy.decisions import demo
from policy.decisions.contracts import cache
from policy.packs import services as packs
from tenancy.identity import keys
from tenancy.organizations import services as organizations

RULES = Path(__file__).resolve().parents[3] / "packs/lending/rulesets/lending.yaml"
GOOD = ("--set", "credit_score=720", "--set", "dti=0.30", "--set", "income_verified=true")
TABLE = """name: bands
hit_policy: unique
inputs: [score]
outputs: [class, reasons]
rows:
  - {when: ["< 500"], then: [reject, low]}
  - {when: ["[450..600]"], then: [review, middle]}
"""
Run = Callable[..., tuple[int, Any]]
pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform", "owner"])


def _printed(capsys: pytest.CaptureFixture[str]) -> Any:
    told = capsys.readouterr()
    try:
        return json.loads(told.out)
    except json.JSONDecodeError:
        return told.out or told.err


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    keys.forget()
    cache.clear()
    made = organizations.create_organization(slug="cli-rules", name="Command line")
    with scope.tenant_scope(made.id):
        secrets = {role: keys.issue_key(name=role, role=role)[1] for role in ("owner", "agent", "auditor")}
        row = packs.import_pack(files=demo.bundled_pack(), actor="t", now=clock.now())
        packs.activate_pack(name=row.name, version=row.version, actor="t", now=clock.now())

    def call(*words: str, role: str = "owner") -> tuple[int, Any]:
        monkeypatch.setenv("DOS_URL", "http://localhost")
        monkeypatch.setenv("DOS_KEY", secrets[role])
        capsys.readouterr()
        code = program.main(["--json", *words], transport=httpx.WSGITransport(app=application))
        return code, _printed(capsys)

    return call


@pytest.fixture
def strict(tmp_path: Path) -> str:
    file = tmp_path / "strict.yaml"
    file.write_text(RULES.read_text().replace("credit_score < 550", "credit_score < 730"))
    return str(file)


class TestOnAServer:
    def test_try_stands_in_the_contract(self, run: Run, strict: str) -> None:
        code, told = run("rules", "try", strict, "--contract", "lending", *GOOD, role="agent")
        assert (code, told["class"]) == (exits.DONE, "reject"), told
        assert {row["ruleset"] for row in told["trace"]} == {"lending", "lending_guards"}
        code, told = run("decide", "lending", *GOOD, role="agent")
        assert (code, told["class"]) == (exits.DONE, "approve")
        given = ("--contract", "lending", "--decision", told["decision_id"])
        code, again = run("rules", "try", strict, *given)
        assert (code, again["recorded"]["class"], again["class"]) == (exits.DONE, "approve", "reject")
        assert run("rules", "try", strict, *given, role="agent")[0] == exits.PERMISSION

    def test_lint_knows_the_fields(self, run: Run, tmp_path: Path) -> None:
        assert run("rules", "lint", str(RULES), "--contract", "lending") == (exits.DONE, [])
        bad = tmp_path / "bad.yaml"
        bad.write_text(RULES.read_text().replace("dti > 0.60", "dit > 0.60"))
        code, found = run("rules", "lint", str(bad), "--contract", "lending", role="auditor")
        assert (code, found[0]["rule"], found[0]["level"]) == (exits.POLICY, "reject_high_dti", "error")

    def test_coverage_takes_rows_or_the_newest_decisions(self, run: Run, strict: str, tmp_path: Path) -> None:
        run("decide", "lending", *GOOD, role="agent")
        code, told = run("rules", "coverage", strict, "--contract", "lending")
        assert (code, told["rows"], told["basis"]) == (exits.DONE, 1, "decisions")
        rows = tmp_path / "rows.csv"
        rows.write_text("credit_score,dti,income_verified\n720,0.3,true\n500,0.3,true\n")
        code, told = run("rules", "coverage", strict, str(rows), "--contract", "lending", "--least", "0.9")
        assert (code, told["rows"]) == (exits.POLICY, 2)


class TestHere:
    def test_a_table_is_taken_as_rules_are(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "bands.yaml"
        file.write_text(TABLE)
        assert program.main(["--json", "rules", "try", str(file), "--set", "score=480"]) == exits.DONE
        assert _printed(capsys)["reasons"] == ["low", "middle"]
        schema = tmp_path / "schema.json"
        schema.write_text(json.dumps({"type": "object", "properties": {"score": {"type": "integer"}}}))
        assert program.main(["--json", "rules", "lint", str(file), "--schema", str(schema)]) == exits.POLICY
        assert {item["code"] for item in _printed(capsys)} == {"table_overlap", "table_gap"}

    def test_rows_or_a_contract_must_be_named(self, strict: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert program.main(["rules", "coverage", strict]) == exits.INPUT
        assert program.main(["rules", "try", strict, "--decision", "x"]) == exits.INPUT
        assert "--contract" in capsys.readouterr().err
