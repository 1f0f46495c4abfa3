"""Commands against a pretended server: what is sent, what is printed, how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from decisionos.dosctl import exits, inputs, program, registry

DECISION = {
    "decision_id": "d-1",
    "class": "reject",
    "confidence": 0.9,
    "reasons": ["credit_score_below_threshold"],
    "required_docs": [],
    "rules_applied": [
        {"rule": "reject_low_credit", "class": "reject", "reasons": [], "values": {"credit_score": 1}}
    ],
    "ledger": {"entry_id": "e-1"},
}


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("DOS_URL", "http://dos.example")
    monkeypatch.setenv("DOS_KEY", "dos_test_secret")
    monkeypatch.delenv("DOS_PROFILE", raising=False)


class Server:
    """Answers from a table and keeps what it was asked."""

    def __init__(self, answers: dict[tuple[str, str], Any]) -> None:
        self.answers = answers
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.get((request.method, request.url.path))
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, httpx.Response):
            return answer
        if answer is None:
            return httpx.Response(404, json={"code": "not_found", "detail": "Not found"})
        return httpx.Response(200, json=answer)

    def run(self, *words: str) -> int:
        return program.main(words, transport=httpx.MockTransport(self))


def problem(status: int, code: str, **more: Any) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "detail": f"refused: {code}", "status": status, **more})


@pytest.mark.requirement("A-D2")
class TestDecide:
    def test_sends_input_key_and_idempotency_key(self, capsys: pytest.CaptureFixture[str]) -> None:
        server = Server({("POST", "/api/v1/decide/lending"): DECISION})
        code = server.run(
            "decide", "lending", '{"dti": 0.3}', "--set", "credit_score=720", "--purpose", "lending"
        )
        sent = server.requests[0]
        assert code == exits.DONE
        assert json.loads(sent.content) == {"input": {"dti": 0.3, "credit_score": 720}, "purpose": "lending"}
        assert sent.headers["X-Api-Key"] == "dos_test_secret"
        assert sent.headers["Idempotency-Key"]
        printed = capsys.readouterr().out
        assert "credit_score_below_threshold" in printed
        assert "reject_low_credit" in printed

    def test_prints_the_answer_as_json(self, capsys: pytest.CaptureFixture[str]) -> None:
        server = Server({("POST", "/api/v1/decide/lending"): DECISION})
        assert server.run("--json", "decide", "lending", "--set", "dti=0.3") == exits.DONE
        assert json.loads(capsys.readouterr().out) == DECISION

    def test_json_may_stand_behind_the_command(self, capsys: pytest.CaptureFixture[str]) -> None:
        server = Server({("POST", "/api/v1/decide/lending"): DECISION})
        assert server.run("decide", "lending", "--set", "dti=0.3", "--json") == exits.DONE
        assert json.loads(capsys.readouterr().out) == DECISION

    @pytest.mark.parametrize(
        ("status", "code", "expected"),
        [
            (403, "consent_required", exits.POLICY),
            (429, "throttled", exits.POLICY),
            (403, "permission_denied", exits.PERMISSION),
            (401, "unauthenticated", exits.PERMISSION),
            (404, "contract_not_found", exits.INPUT),
            (422, "input_invalid", exits.INPUT),
            (503, "database_unavailable", exits.INFRASTRUCTURE),
        ],
    )
    def test_ends_with_the_code_of_the_refusal(
        self, status: int, code: str, expected: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        server = Server({("POST", "/api/v1/decide/lending"): problem(status, code)})
        assert server.run("decide", "lending", "--set", "dti=1") == expected
        assert code in capsys.readouterr().err

    def test_names_each_wrong_field(self, capsys: pytest.CaptureFixture[str]) -> None:
        wrong = [{"pointer": "/input/dti", "message": "must be a number"}]
        server = Server({("POST", "/api/v1/decide/lending"): problem(422, "input_invalid", errors=wrong)})
        assert server.run("decide", "lending", "--set", "dti=x") == exits.INPUT
        assert "/input/dti: must be a number" in capsys.readouterr().err

    def test_ends_with_5_when_nobody_answers(self, capsys: pytest.CaptureFixture[str]) -> None:
        def refuse(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("connection refused")

        server = Server({("POST", "/api/v1/decide/lending"): refuse})
        assert server.run("decide", "lending", "--set", "dti=1") == exits.INFRASTRUCTURE
        assert "http://dos.example does not answer" in capsys.readouterr().err

    def test_needs_an_input(self) -> None:
        assert Server({}).run("decide", "lending") == exits.INPUT


class TestBatch:
    @pytest.fixture
    def rows(self, tmp_path: Path) -> str:
        file = tmp_path / "rows.csv"
        file.write_text("credit_score,dti,income_verified,postcode\n720,0.30,true,01234\n520,,false,\n")
        return str(file)

    def _answer(self, *classes: str) -> Callable[[httpx.Request], httpx.Response]:
        body = "".join(json.dumps({"class": name} if name else {"error": {}}) + "\n" for name in classes)
        return lambda request: httpx.Response(200, content=body.encode())

    def test_sends_lines_and_an_empty_cell_is_an_absent_field(self, rows: str, tmp_path: Path) -> None:
        server = Server({("POST", "/api/v1/decide/lending/batch"): self._answer("approve", "reject")})
        assert server.run("batch", "lending", rows, "--out", str(tmp_path / "out.jsonl")) == exits.DONE
        sent = [json.loads(line) for line in server.requests[0].content.decode().splitlines()]
        assert sent == [
            {"input": {"credit_score": 720, "dti": 0.3, "income_verified": True, "postcode": "01234"}},
            {"input": {"credit_score": 520, "income_verified": False}},
        ]
        assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2

    def test_a_failed_row_ends_with_4(self, rows: str) -> None:
        server = Server({("POST", "/api/v1/decide/lending/batch"): self._answer("approve", "")})
        assert server.run("batch", "lending", rows) == exits.INPUT

    def test_an_answer_that_breaks_off_is_no_success(self, rows: str) -> None:
        server = Server({("POST", "/api/v1/decide/lending/batch"): self._answer("approve")})
        assert server.run("batch", "lending", rows) == exits.INFRASTRUCTURE


class TestLists:
    def test_follow_the_cursor_up_to_the_limit(self, capsys: pytest.CaptureFixture[str]) -> None:
        def page(request: httpx.Request) -> httpx.Response:
            second = "cursor" in request.url.params
            rows = [{"decision_id": f"d{number}"} for number in ((2, 3) if second else (0, 1))]
            following = None if second else "http://inside:8000/api/v1/decisions?cursor=abc"
            return httpx.Response(200, json={"results": rows, "next": following})

        server = Server({("GET", "/api/v1/decisions"): page})
        assert server.run("--json", "decisions", "--class", "reject", "--limit", "3") == exits.DONE
        assert [row["decision_id"] for row in json.loads(capsys.readouterr().out)] == ["d0", "d1", "d2"]
        assert server.requests[0].url.params["class"] == "reject"
        assert {request.url.host for request in server.requests} == {"dos.example"}

    def test_an_empty_list_says_what_to_do(self, capsys: pytest.CaptureFixture[str]) -> None:
        server = Server({("GET", "/api/v1/decisions"): {"results": [], "next": None}})
        assert server.run("decisions") == exits.DONE
        assert "dosctl decide" in capsys.readouterr().out


class TestOtherCommands:
    def test_replay_ends_with_2_when_the_result_differs(self) -> None:
        path = ("POST", "/api/v1/decisions/d-1/replay")
        assert Server({path: {"identical": True}}).run("replay", "d-1") == exits.DONE
        assert Server({path: {"identical": False}}).run("replay", "d-1") == exits.POLICY
        assert Server({path: {}}).run("replay", "d-1") == exits.POLICY

    def test_ledger_verify_ends_with_2_on_a_broken_chain(self) -> None:
        path = ("POST", "/api/v1/ledger/verify")
        assert Server({path: {"valid": True}}).run("ledger", "verify") == exits.DONE
        assert Server({path: {"valid": False, "seq": 3}}).run("ledger", "verify") == exits.POLICY

    def test_ledger_export_leaves_no_half_file(self, tmp_path: Path) -> None:
        out = tmp_path / "ledger.ndjson"
        bad = Server({("GET", "/api/v1/ledger/export"): problem(403, "permission_denied")})
        assert bad.run("ledger", "export", "--out", str(out)) == exits.PERMISSION
        assert list(tmp_path.glob("ledger*")) == []
        good = Server(
            {("GET", "/api/v1/ledger/export"): httpx.Response(200, content=b'{"seq":1}\n{"seq":2}\n')}
        )
        assert good.run("ledger", "export", "--out", str(out)) == exits.DONE
        assert out.read_text() == '{"seq":1}\n{"seq":2}\n'

    def test_keys_are_revoked_by_prefix_only_when_one_matches(self) -> None:
        keys = {"results": [{"id": "1", "prefix": "aa"}, {"id": "2", "prefix": "bb"}], "next": None}
        server = Server(
            {("GET", "/api/v1/keys"): keys, ("DELETE", "/api/v1/keys/2"): httpx.Response(204)},
        )
        assert server.run("keys", "revoke", "bb") == exits.DONE
        assert server.run("keys", "revoke", "zz") == exits.INPUT

    def test_evidence_controls_ends_with_2_when_one_fails(self, capsys: pytest.CaptureFixture[str]) -> None:
        rows = [
            {"id": "1", "title": "Encryption", "passed": True, "evidence": "round trip"},
            {"id": "2", "title": "TLS", "passed": False, "evidence": "no redirect"},
        ]
        server = Server({("GET", "/api/v1/evidence/controls"): {"controls": rows}})
        assert server.run("evidence", "controls") == exits.POLICY
        assert "1 of 2 controls pass" in capsys.readouterr().out

    def test_health_shows_what_is_wrong_and_ends_with_5(self, capsys: pytest.CaptureFixture[str]) -> None:
        down = httpx.Response(503, json={"status": "down", "checks": {"database": "down"}})
        assert Server({("GET", "/readyz"): down}).run("health") == exits.INFRASTRUCTURE
        assert "database=down" in capsys.readouterr().out

    def test_an_answer_that_is_no_json_is_no_success(self) -> None:
        page = httpx.Response(200, content=b"<html>")
        assert Server({("GET", "/api/v1/whoami"): page}).run("whoami") == exits.INFRASTRUCTURE

    def test_markup_from_a_server_is_shown_and_not_obeyed(self, capsys: pytest.CaptureFixture[str]) -> None:
        server = Server({("GET", "/api/v1/whoami"): {"name": "[bold red]x[/bold red]"}})
        assert server.run("whoami") == exits.DONE
        assert "[bold red]x[/bold red]" in capsys.readouterr().out


class TestLogin:
    def test_takes_url_and_key_from_the_ready_file(self, tmp_path: Path) -> None:
        ready = tmp_path / "ready.json"
        ready.write_text(json.dumps({"url": "http://dos.example", "keys": {"admin": "a", "auditor": "b"}}))
        server = Server({("GET", "/api/v1/whoami"): {"name": "auditor"}})
        assert server.run("login", "--ready", str(ready), "--as", "auditor") == exits.DONE
        assert server.requests[0].headers["X-Api-Key"] == "b"

    def test_stores_nothing_when_the_key_is_refused(self, tmp_path: Path) -> None:
        server = Server({("GET", "/api/v1/whoami"): problem(401, "unauthenticated")})
        assert server.run("login", "--url", "http://dos.example") == exits.PERMISSION
        assert not (tmp_path / "config").exists()


class TestProgram:
    def test_starts_without_django(self) -> None:
        script = (
            "import sys\nfrom decisionos.dosctl import program\nprogram.parser()\n"
            "sys.exit(any(name.split('.')[0] == 'django' for name in sys.modules))"
        )
        environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
        assert subprocess.run([sys.executable, "-c", script], env=environment, check=False).returncode == 0

    def test_bad_usage_ends_with_4(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as caught:
            program.main(["decide"])
        assert caught.value.code == exits.INPUT

    @pytest.mark.parametrize("command", registry.COMMANDS, ids=lambda command: "-".join(command.words))
    def test_every_command_has_code_and_help(self, command: registry.Command) -> None:
        assert callable(command.load())
        assert command.help
        assert all(argument.options.get("help") or argument.names for argument in command.arguments)


class TestInputs:
    def test_names_the_line_that_is_wrong(self, tmp_path: Path) -> None:
        file = tmp_path / "rows.jsonl"
        file.write_text('{"a": 1}\n{"a": \n')
        with pytest.raises(exits.Stop, match="line 2"):
            inputs.read_rows(str(file))

    @pytest.mark.parametrize(
        ("cell", "value"),
        [
            ("7", 7),
            ("-7", -7),
            ("0", 0),
            ("0.5", 0.5),
            ("007", "007"),
            ("nan", "nan"),
            ("+82", "+82"),
            ("TRUE", True),
        ],
    )
    def test_reads_a_cell_as_what_it_is(self, cell: str, value: object, tmp_path: Path) -> None:
        file = tmp_path / "rows.csv"
        file.write_text(f"a\n{cell}\n")
        assert inputs.read_rows(str(file)) == [{"a": value}]

    def test_refuses_what_is_no_object(self) -> None:
        with pytest.raises(exits.Stop, match="name=value"):
            inputs.assign({}, ["justaname"])
