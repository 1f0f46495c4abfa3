"""The pack format: what is refused, and that a signature covers every byte."""

from __future__ import annotations

import base64
import io
import tarfile
import zipfile
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from policy.packs import format
from tests.policy.lending import FOLDER

KEY = Ed25519PrivateKey.generate()
PUBLIC = {"test-key": KEY.public_key().public_bytes_raw()}


def sealed() -> dict[str, bytes]:
    return format.seal(format.read_folder(FOLDER), key_id="test-key", sign=KEY.sign)


class TestSeal:
    def test_is_opened_and_verified_with_the_public_key_alone(self) -> None:
        signed = format.open_signed(sealed())
        assert format.verify(signed, PUBLIC) == "test-key"
        assert signed.pack.name == "lending"

    def test_survives_an_archive(self) -> None:
        files = sealed()
        assert format.read_archive(format.write_archive(files)) == files

    def test_refuses_an_unknown_publisher(self) -> None:
        with pytest.raises(format.PackSignatureRefused):
            format.verify(format.open_signed(sealed()), {})

    def test_refuses_a_signature_of_another_key(self) -> None:
        other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
        with pytest.raises(format.PackSignatureRefused):
            format.verify(format.open_signed(sealed()), {"test-key": other})

    @pytest.mark.parametrize("path", sorted(sealed()))
    def test_refuses_a_changed_byte_in_any_file(self, path: str) -> None:
        files = sealed()
        files[path] = files[path][:-2] + bytes([files[path][-2] ^ 1]) + files[path][-1:]
        with pytest.raises((format.PackInvalid, format.PackSignatureRefused)):
            format.verify(format.open_signed(files), PUBLIC)

    def test_refuses_a_rehashed_manifest_without_a_new_signature(self) -> None:
        files = sealed()
        files["rulesets/lending.yaml"] += b"\n"
        files["MANIFEST.json"] = orjson.dumps(format.manifest_of(format.describe(files)))
        with pytest.raises(format.PackSignatureRefused):
            format.verify(format.open_signed(files), PUBLIC)

    def test_refuses_a_file_that_is_not_listed(self) -> None:
        with pytest.raises(format.PackInvalid, match="not listed") as refused:
            format.open_signed({**sealed(), "rulesets/extra.yaml": b"name: x\n"})
        assert refused.value.code == "pack_file_unlisted"

    def test_refuses_a_listed_file_that_is_absent(self) -> None:
        files = sealed()
        del files["rulesets/lending.yaml"]
        with pytest.raises(format.PackInvalid, match="absent"):
            format.open_signed(files)

    def test_refuses_another_algorithm(self) -> None:
        files = sealed()
        signature = orjson.loads(files["SIGNATURE"])
        files["SIGNATURE"] = orjson.dumps({**signature, "algorithm": "none"})
        with pytest.raises(format.PackSignatureRefused):
            format.verify(format.open_signed(files), PUBLIC)

    def test_refuses_a_signature_with_other_base64(self) -> None:
        files = sealed()
        signature = orjson.loads(files["SIGNATURE"])
        raw = base64.b64decode(signature["signature"])[:-1]
        files["SIGNATURE"] = orjson.dumps({**signature, "signature": base64.b64encode(raw).decode()})
        with pytest.raises(format.PackSignatureRefused):
            format.verify(format.open_signed(files), PUBLIC)


class TestPaths:
    @pytest.mark.parametrize(
        "path",
        ["../evil", "/etc/passwd", "a/../../b", "a\\b", "./a", "a//b", ".hidden", "a/.git", "", "a\x00b"],
    )
    def test_that_leave_the_pack_are_refused(self, path: str) -> None:
        with pytest.raises(format.PackInvalid):
            format.check_path(path)

    @pytest.mark.parametrize("path", ["pack.yaml", "rulesets/a_b-1.yaml", "docs/READ ME.md"])
    def test_inside_the_pack_are_taken(self, path: str) -> None:
        assert format.check_path(path) == path


def zipped(path: str, data: bytes = b"x", mode: int = 0o100644) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo(path)
        info.external_attr = mode << 16
        archive.writestr(info, data)
    return buffer.getvalue()


class TestReadArchive:
    def test_refuses_an_escaping_path_in_a_zip(self) -> None:
        with pytest.raises(format.PackInvalid):
            format.read_archive(zipped("../evil"))

    def test_refuses_a_link_in_a_zip(self) -> None:
        with pytest.raises(format.PackInvalid, match="link"):
            format.read_archive(zipped("a", b"/etc/passwd", 0o120777))

    def test_refuses_a_file_that_unpacks_past_the_limit(self) -> None:
        with pytest.raises(format.PackTooLarge):
            format.read_archive(zipped("a", bytes(format.MAX_FILE_BYTES + 1)))

    def test_refuses_a_link_in_a_tar(self) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            info = tarfile.TarInfo("a")
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info)
        with pytest.raises(format.PackInvalid, match="plain file"):
            format.read_archive(buffer.getvalue())

    @pytest.mark.parametrize("data", [b"", b"text", b"\x1f\x8bbroken", b"PK\x03\x04broken"])
    def test_refuses_what_is_no_archive(self, data: bytes) -> None:
        with pytest.raises(format.PackInvalid):
            format.read_archive(data)


class TestReadFolder:
    def test_refuses_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "pack.yaml").write_text("name: a\nversion: 1.0.0\n")
        (tmp_path / "secret").symlink_to("/etc/passwd")
        with pytest.raises(format.PackInvalid, match="link"):
            format.read_folder(tmp_path)


class TestLint:
    def test_finds_nothing_in_the_lending_pack(self) -> None:
        assert format.lint(format.read_folder(FOLDER)) == []

    def test_names_what_is_missing_and_what_repeats(self) -> None:
        files = {
            "pack.yaml": b"name: a\nversion: 1.0.0\n",
            "rulesets/a.yaml": b"name: x\n",
            "rulesets/b.yaml": b"name: x\n",
        }
        assert {item["code"] for item in format.lint(files)} == {
            "no_contracts",
            "no_description",
            "duplicate",
        }
