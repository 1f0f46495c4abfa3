"""Packs in folders: signed here, checked here."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from decisionos.dosctl import exits, program

CONTRACT = """name: c
version: 1.0.0
rulesets: [r]
input: {type: object, properties: {score: {type: integer}}}
"""
RULES = """name: r
rules:
  - {name: low, when: score < 5, action: {class: reject, reasons: [low]}}
"""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "pack"
    (folder / "contracts").mkdir(parents=True)
    (folder / "rulesets").mkdir()
    (folder / "pack.yaml").write_text("name: sample\nversion: 1.0.0\ndescription: A sample.\n")
    (folder / "contracts" / "c.yaml").write_text(CONTRACT)
    (folder / "rulesets" / "r.yaml").write_text(RULES)
    return folder


@pytest.fixture
def keys(tmp_path: Path) -> tuple[str, str]:
    key = Ed25519PrivateKey.generate()
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    form = serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return str(private), str(public)


class TestSignAndVerify:
    def test_a_signed_pack_verifies(self, pack: Path, keys: tuple[str, str]) -> None:
        assert program.main(["pack", "sign", str(pack), "--key", keys[0], "--key-id", "us"]) == exits.DONE
        assert program.main(["pack", "verify", str(pack), "--publisher", f"us={keys[1]}"]) == exits.DONE

    def test_a_changed_file_is_refused_by_name(
        self, pack: Path, keys: tuple[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        program.main(["pack", "sign", str(pack), "--key", keys[0], "--key-id", "us"])
        (pack / "rulesets" / "r.yaml").write_text("name: other\n")
        assert program.main(["pack", "verify", str(pack), "--publisher", f"us={keys[1]}"]) == exits.INPUT
        assert "rulesets/r.yaml" in capsys.readouterr().err

    def test_another_publisher_is_not_trusted(self, pack: Path, keys: tuple[str, str]) -> None:
        program.main(["pack", "sign", str(pack), "--key", keys[0], "--key-id", "us"])
        assert program.main(["pack", "verify", str(pack), "--publisher", f"them={keys[1]}"]) == exits.INPUT

    def test_a_public_key_cannot_sign(self, pack: Path, keys: tuple[str, str]) -> None:
        assert program.main(["pack", "sign", str(pack), "--key", keys[1], "--key-id", "us"]) == exits.INPUT


class TestLint:
    def test_a_clean_pack_ends_with_0(self, pack: Path) -> None:
        assert program.main(["pack", "lint", str(pack), "--fail-on", "warning"]) == exits.DONE

    def test_a_finding_ends_with_2_when_it_is_grave_enough(
        self, pack: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (pack / "contracts" / "c.yaml").unlink()
        assert program.main(["--json", "pack", "lint", str(pack)]) == exits.DONE
        assert json.loads(capsys.readouterr().out)[0]["code"] == "no_contracts"
        assert program.main(["pack", "lint", str(pack), "--fail-on", "warning"]) == exits.POLICY

    @pytest.mark.parametrize(
        ("file", "text", "told"),
        [
            ("contracts/c.yaml", CONTRACT.replace("[r]", "[other]"), "ruleset_absent"),
            ("contracts/c.yaml", CONTRACT.replace("1.0.0", "one"), "contract_invalid"),
            ("rulesets/r.yaml", RULES.replace("score < 5", "scoer < 5"), "low"),
            ("rulesets/r.yaml", RULES.replace("reject", "perhaps"), "document_invalid"),
        ],
    )
    def test_a_mistake_inside_is_found(
        self, file: str, text: str, told: str, pack: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (pack / file).write_text(text)
        assert program.main(["--json", "pack", "lint", str(pack)]) == exits.POLICY
        assert told in capsys.readouterr().out

    def test_a_link_is_refused(self, pack: Path) -> None:
        (pack / "rulesets" / "x.yaml").symlink_to("/etc/passwd")
        assert program.main(["pack", "lint", str(pack)]) == exits.INPUT


class TestImport:
    def test_sends_one_archive(
        self, pack: Path, keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("DOS_URL", "http://dos.example")
        monkeypatch.setenv("DOS_KEY", "k")
        seen: list[bytes] = []

        def answer(request: httpx.Request) -> httpx.Response:
            seen.append(request.read())
            return httpx.Response(201, json={"name": "sample", "version": "1.0.0"})

        transport = httpx.MockTransport(answer)
        assert program.main(["pack", "import", str(pack)], transport=transport) == exits.INPUT
        program.main(["pack", "sign", str(pack), "--key", keys[0], "--key-id", "us"])
        assert program.main(["pack", "import", str(pack)], transport=transport) == exits.DONE
        assert len(seen) == 1
        assert b'name="archive"' in seen[0]
