"""The command line against the product itself, over WSGI: both sides must mean the same by every path."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from decisionos.dosctl import exits, program
from decisionos.kernel.ledger import sealing
from decisionos.kernel.tenants import scope
from decisionos.wsgi import application
from policy.packs import format as packs
from policy.packs import services as pack_services
from tenancy.identity import keys
from tenancy.organizations import services as organizations

LENDING = Path(__file__).resolve().parents[3] / "packs" / "lending"
GOOD = ("--set", "credit_score=720", "--set", "dti=0.30", "--set", "income_verified=true")
Run = Callable[..., tuple[int, Any]]

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform", "owner"])


@pytest.fixture
def secrets() -> dict[str, str]:
    keys.forget()
    made = organizations.create_organization(slug="cli", name="Command line")
    with scope.tenant_scope(made.id):
        found = {role: keys.issue_key(name=role, role=role)[1] for role in ("owner", "agent", "auditor")}
    found["tenant"] = str(made.id)
    return found


@pytest.fixture
def run(secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str, role: str = "owner") -> tuple[int, Any]:
        monkeypatch.setenv("DOS_URL", "http://localhost")
        monkeypatch.setenv("DOS_KEY", secrets[role])
        capsys.readouterr()
        code = program.main(["--json", *words], transport=httpx.WSGITransport(app=application))
        printed = capsys.readouterr()
        try:
            return code, json.loads(printed.out)
        except json.JSONDecodeError:
            return code, printed.out or printed.err

    return call


@pytest.fixture
def lending(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "lending"
    shutil.copytree(LENDING, folder)
    pack_services.write_folder(pack_services.sign_files(packs.read_folder(folder)), folder)
    code, told = run("pack", "import", str(folder))
    assert code == exits.DONE, told
    code, told = run("pack", "activate", told["name"], told["version"])
    assert code == exits.DONE, told


@pytest.mark.usefixtures("lending")
@pytest.mark.requirement("A-D2")
class TestDecisions:
    def test_decide_explain_replay_and_list(self, run: Run) -> None:
        code, made = run("decide", "lending", *GOOD, role="agent")
        assert (code, made["class"]) == (exits.DONE, "approve"), made
        code, told = run("explain", made["decision_id"], role="auditor")
        assert (code, told["class"]) == (exits.DONE, "approve")
        code, told = run("replay", made["decision_id"], role="auditor")
        assert (code, told["identical"]) == (exits.DONE, True)
        code, rows = run("decisions", "--class", "approve", role="auditor")
        assert [row["decision_id"] for row in rows] == [made["decision_id"]]

    def test_each_refusal_has_its_exit_code(self, run: Run) -> None:
        assert run("decide", "lending", *GOOD, role="auditor")[0] == exits.PERMISSION
        assert run("decide", "nothing", *GOOD, role="agent")[0] == exits.INPUT
        code, told = run("decide", "lending", "--set", "dti=much", role="agent")
        assert code == exits.INPUT
        assert any(error["pointer"].endswith("/dti") for error in told["errors"])

    def test_batch_answers_every_line(self, run: Run, tmp_path: Path) -> None:
        rows = tmp_path / "rows.csv"
        rows.write_text("credit_score,dti,income_verified\n720,0.3,true\n520,0.3,true\n")
        code, told = run("batch", "lending", str(rows), "--out", str(tmp_path / "out"), role="agent")
        assert (code, told["approve"], told["reject"]) == (exits.DONE, 1, 1)

    def test_simulate_agrees_with_the_local_evaluation(self, run: Run, tmp_path: Path) -> None:
        rows = tmp_path / "rows.csv"
        rows.write_text(
            "credit_score,dti,income_verified,label\n720,0.3,true,1\n520,0.3,true,0\n640,0.44,false,0\n"
        )
        command = ["simulate", "lending", str(rows), "--label", "label", "--out", str(tmp_path)]
        code, there = run(*command, role="agent")
        assert code == exits.DONE, there
        code, here = run(*command, "--local", "--pack", str(LENDING))
        assert code == exits.DONE
        for figure in ("rows", "classes", "reject_precision", "recall", "review_rate"):
            assert there["metrics"][figure] == here["metrics"][figure], figure

    def test_contract_and_pack_are_shown(self, run: Run) -> None:
        code, told = run("contract", "show", "lending")
        assert (code, told["name"]) == (exits.DONE, "lending")
        assert run("contract", "show", "nothing")[0] == exits.INPUT
        code, rows = run("pack", "list")
        assert [row["name"] for row in rows] == ["lending"]


class TestLedger:
    def test_verify_export_and_proof(self, run: Run, secrets: dict[str, str], tmp_path: Path) -> None:
        sealing.seal_pending(secrets["tenant"])  # type: ignore[arg-type]
        code, told = run("ledger", "verify", role="auditor")
        assert (code, told["valid"]) == (exits.DONE, True), told
        out = tmp_path / "ledger.ndjson"
        code, told = run("ledger", "export", "--out", str(out), role="auditor")
        assert code == exits.DONE, told
        entry = next(json.loads(line) for line in out.read_text().splitlines() if '"type":"entry"' in line)
        code, told = run("ledger", "proof", entry["id"], role="auditor")
        assert (code, told["digest"]) == (exits.DONE, entry["digest"])
        assert run("ledger", "verify", role="agent")[0] == exits.PERMISSION


class TestOthers:
    def test_whoami(self, run: Run) -> None:
        code, told = run("whoami", role="auditor")
        assert (code, told["roles"]) == (exits.DONE, ["auditor"])

    def test_consent(self, run: Run) -> None:
        document = "a" * 64
        command = ["consent", "grant", "person-1", "--purpose", "lending", "--document", document]
        code, told = run(*command, "--scope", "credit", "--ttl", "3600", role="agent")
        assert code == exits.DONE, told
        code, rows = run("consent", "list", "person-1", role="agent")
        assert [row["status"] for row in rows] == ["active"]
        code, told = run("consent", "revoke", "person-1", "--purpose", "lending", role="agent")
        assert code == exits.DONE, told
        code, rows = run("consent", "list", "person-1", role="agent")
        assert [row["status"] for row in rows] == ["revoked"]

    def test_keys(self, run: Run) -> None:
        code, made = run("keys", "create", "robot", "--role", "agent", "--expires-in-days", "30")
        assert code == exits.DONE, made
        code, rows = run("keys", "list")
        [row] = [row for row in rows if row["name"] == "robot"]
        assert "secret" not in json.dumps(row)
        code, told = run("keys", "revoke", row["prefix"])
        assert code == exits.DONE, told

    def test_tenant_configuration(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "tenant.yaml"
        file.write_text("not_a_known_key: 1\n")
        assert run("tenant", "validate", str(file))[0] == exits.INPUT
        file.write_text("- a list\n")
        assert run("tenant", "reload", str(file))[0] == exits.INPUT

    @pytest.mark.requirement("A-M3")
    def test_controls(self, run: Run) -> None:
        code, told = run("evidence", "controls", role="auditor")
        assert (code, told["passed"]) == (exits.DONE, 6), told
        assert run("evidence", "controls", role="agent")[0] == exits.PERMISSION
