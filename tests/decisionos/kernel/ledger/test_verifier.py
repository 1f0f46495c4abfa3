"""The export and its standalone verifier: every tampering at every position is found and named."""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decisionos.kernel import canonical
from decisionos.kernel.keys import services as keys
from decisionos.kernel.ledger import export, rules, sealing, services, verifier
from decisionos.kernel.tenants import scope
from tests.decisionos.kernel.ledger.conftest import TENANT, fill

ENTRIES = range(1, 9)  # lines 1 to 8; line 0 is the header


@pytest.fixture
def lines(db: None) -> list[bytes]:
    """An export of eight entries under two checkpoints."""
    fill(5)
    fill(3, start=5)
    with scope.tenant_scope(TENANT):
        return list(export.export_lines())


@pytest.fixture
def trusted(lines: list[bytes]) -> list[Ed25519PublicKey]:
    """The keys that the reader trusts."""
    return verifier.load_keys("".join(key.pem() for key in keys.public_keys(rules.PURPOSE)).encode())


def finding(lines: Iterable[bytes], trusted: list[Ed25519PublicKey]) -> str:
    """What is told of an export, or an empty text."""
    try:
        verifier.verify(lines, trusted)
    except verifier.ExportBroken as broken:
        return str(broken)
    return ""


def broken_at(lines: list[bytes], trusted: list[Ed25519PublicKey]) -> int | None:
    """The first broken entry, or None; with the quick look and without it."""
    judged = finding(iter(lines), trusted)
    assert finding(lines, trusted) == judged
    assert finding(io.BytesIO(b"".join(lines)), trusted) == judged
    return int(judged.removeprefix("first broken entry: ").split(":")[0].split(" ")[0]) if judged else None


def is_taken_quickly(lines: list[bytes], trusted: list[Ed25519PublicKey]) -> bool:
    """Whether the quick look alone accepts an export."""
    try:
        verifier._follow(verifier.Quick(trusted), lines)
    except verifier.ExportBroken:
        return False
    return True


def edited(line: bytes, **changes: object) -> bytes:
    """The line with fields changed, written canonically."""
    return canonical.encode({**json.loads(line), **changes}) + b"\n"


class TestVerify:
    """An export."""

    @pytest.mark.requirement("A-M4")
    def test_is_accepted_as_it_was_written(self, lines: list[bytes], trusted: list[Ed25519PublicKey]) -> None:
        result = verifier.verify(lines, trusted)
        assert (result.seq, result.checkpoints) == (8, 2)

    @pytest.mark.requirement("A-M4")
    def test_names_an_edited_entry_at_every_position(
        self, lines: list[bytes], trusted: list[Ed25519PublicKey]
    ) -> None:
        for at in ENTRIES:
            for change in ({"payload": {"n": 1}}, {"actor": "x"}, {"digest": "0" * 64}, {"curr": "0" * 64}):
                changed = [*lines[:at], edited(lines[at], **change), *lines[at + 1 :]]
                assert broken_at(changed, trusted) == at

    @pytest.mark.requirement("A-M4")
    def test_names_a_deleted_entry_at_every_position(
        self, lines: list[bytes], trusted: list[Ed25519PublicKey]
    ) -> None:
        for at in ENTRIES:
            assert broken_at(lines[:at] + lines[at + 1 :], trusted) == at

    @pytest.mark.requirement("A-M4")
    def test_names_an_inserted_entry_at_every_position(
        self, lines: list[bytes], trusted: list[Ed25519PublicKey]
    ) -> None:
        for at in ENTRIES:
            for source in ENTRIES:
                inserted = [*lines[:at], edited(lines[source], seq=at), *lines[at:]]
                assert broken_at(inserted, trusted) in {at, at + 1}

    @pytest.mark.requirement("A-M4")
    def test_names_the_first_of_any_two_exchanged_entries(
        self, lines: list[bytes], trusted: list[Ed25519PublicKey]
    ) -> None:
        for one in ENTRIES:
            for two in range(one + 1, 9):
                swapped = list(lines)
                swapped[one], swapped[two] = edited(lines[two], seq=one), edited(lines[one], seq=two)
                assert broken_at(swapped, trusted) == one

    @pytest.mark.requirement("A-M4")
    def test_finds_a_cut_at_every_line(self, lines: list[bytes], trusted: list[Ed25519PublicKey]) -> None:
        for length in range(len(lines)):
            found = broken_at(lines[:length], trusted)
            assert found == min(max(length, 1), 9)

    def test_finds_any_line_removed_doubled_or_exchanged(
        self, lines: list[bytes], trusted: list[Ed25519PublicKey]
    ) -> None:
        for at in range(len(lines)):
            assert broken_at(lines[:at] + lines[at + 1 :], trusted) is not None
            assert broken_at([*lines[: at + 1], *lines[at:]], trusted) is not None
            for other in range(at + 1, len(lines)):
                swapped = list(lines)
                swapped[at], swapped[other] = lines[other], lines[at]
                assert broken_at(swapped, trusted) is not None

    def test_finds_any_changed_byte(self, lines: list[bytes], trusted: list[Ed25519PublicKey]) -> None:
        for at, line in enumerate(lines):
            for position in range(0, len(line), 3):
                changed = bytearray(line)
                changed[position] ^= 1
                found = broken_at([*lines[:at], bytes(changed), *lines[at + 1 :]], trusted)
                assert found is not None
                assert at not in ENTRIES or found == at

    def test_names_the_stretch_of_a_chain_that_was_computed_anew(
        self, lines: list[bytes], trusted: list[Ed25519PublicKey]
    ) -> None:
        for at in ENTRIES:
            forged, head = list(lines), json.loads(lines[at])["prev"]
            for place in range(at, 9):
                entry = json.loads(lines[place])
                if place == at:
                    entry["payload"] = {"n": "forged"}
                entry["digest"] = canonical.digest({name: entry[name] for name in verifier.RECORD})
                entry["prev"], head = head, rules.chain(head, entry["digest"])
                forged[place] = edited(lines[place], **{**entry, "curr": head})
            assert broken_at(forged, trusted) == (1 if at <= 5 else 6)

    def test_refuses_another_key(self, lines: list[bytes]) -> None:
        assert broken_at(lines, [Ed25519PrivateKey.generate().public_key()]) == 1

    def test_accepts_a_stretch_and_its_edits_are_found(self, trusted: list[Ed25519PublicKey]) -> None:
        with scope.tenant_scope(TENANT):
            for first, last in ((1, 5), (2, 8), (4, 5), (6, 8), (8, 8)):
                part = list(export.export_lines(first=first, last=last))
                assert broken_at(part, trusted) is None
                header = json.loads(part[0])
                assert broken_at([edited(part[0], prev="0" * 63 + "1"), *part[1:]], trusted) == first
                if header["peaks"]:
                    wrong = ["ab" * 32, *header["peaks"][1:]]
                    assert broken_at([edited(part[0], peaks=wrong), *part[1:]], trusted) == first
            with pytest.raises(export.ExportRange):
                export.export_lines(first=9)

    def test_accepts_keys_that_were_rotated_between_checkpoints(self, db: None) -> None:
        fill(2)
        keys.rotate_key(rules.PURPOSE)
        fill(2, start=2)
        with scope.tenant_scope(TENANT):
            written = list(export.export_lines())
        pems = [key.pem().encode() for key in keys.public_keys(rules.PURPOSE)]
        assert broken_at(written, verifier.load_keys(b"".join(pems))) is None
        assert broken_at(written, verifier.load_keys(pems[1])) == 1

    def test_accepts_a_key_that_was_rotated_while_the_export_was_written(self, lines: list[bytes]) -> None:
        with scope.tenant_scope(TENANT):
            running = export.export_lines()
            written = [next(running)]
            keys.rotate_key(rules.PURPOSE)
            written += list(running)
        pems = "".join(key.pem() for key in keys.public_keys(rules.PURPOSE)).encode()
        assert broken_at(written, verifier.load_keys(pems)) is None


class TestQuick:
    """The look at an entry's bytes."""

    def test_takes_what_the_product_writes(self, lines: list[bytes], trusted: list[Ed25519PublicKey]) -> None:
        assert is_taken_quickly(lines, trusted)

    def test_takes_unusual_content_and_stretches(self, db: None) -> None:
        payloads: list[dict[str, object]] = [
            {"large": 1e300, "small": 1e-7, "none": None, "\U00010000": 1, "\ufb33": 2},
            {"text": 'a "quoted" \\ word\n\t\u0001', "nested": [[{"prev": "0" * 64, "seq": 1}]]},
            {"type": "entry", "curr": "0" * 64, "digest": "0" * 64, "subject_id": "x"},
        ]
        with scope.tenant_scope(TENANT):
            for payload in payloads * 90:
                services.append(
                    kind="a.b", payload=payload, actor='","at":"', subject_id='x","prev":"', corr_id="\\"
                )
        sealing.seal_pending(TENANT, batch=100)
        pems = "".join(key.pem() for key in keys.public_keys(rules.PURPOSE)).encode()
        with scope.tenant_scope(TENANT):
            for first in (1, 2, 3, 129, 270):
                written = list(export.export_lines(first=first))
                assert is_taken_quickly(written, verifier.load_keys(pems))
                assert broken_at(written, verifier.load_keys(pems)) is None

    def test_refuses_a_seal_that_stands_elsewhere(self, db: None) -> None:
        with scope.tenant_scope(TENANT):
            services.append(kind="a.b", payload={"a": {"b": 1}, "t": "x"}, subject_id="s", actor="u")
        sealing.seal_pending(TENANT)
        with scope.tenant_scope(TENANT):
            written = list(export.export_lines())
        trusted = verifier.load_keys(keys.public_keys(rules.PURPOSE)[0].pem().encode())
        line = written[1]
        entry = json.loads(line)
        front = f',"curr":"{entry["curr"]}","digest":"{entry["digest"]}"'.encode()
        back = f',"prev":"{entry["prev"]}","seq":1'.encode()
        assert line.count(front) == line.count(back) == 1
        for part in (front, back):
            rest = line.replace(part, b"")
            places = [at for at in range(len(rest)) if rest[:at] + part + rest[at:] != line]
            assert len(places) == len(rest) - 1
            for at in places:
                moved = [written[0], rest[:at] + part + rest[at:], *written[2:]]
                assert not is_taken_quickly(moved, trusted)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b'{"actor"', b'{ "actor"'),
            (b'"type":"entry"}', b'"type":"entry" }'),
            (b'"type":"entry"}', b'"type":"entry","x":1}'),
            (b'"seq":3', b'"seq":3.0'),
            (b'"seq":3', b'"seq":03'),
            (b'"kind":', b'"kind" :'),
            (b'"actor":"', b'"actor":"\\u0041'),
            (b'"text":"', b'"text":"\\u0041'),
            (b'"curr":"', b'"curr":"A'),
        ],
    )
    def test_refuses_what_is_only_written_otherwise(
        self, lines: list[bytes], trusted: list[Ed25519PublicKey], old: bytes, new: bytes
    ) -> None:
        assert lines[3].count(old) == 1
        changed = [*lines[:3], lines[3].replace(old, new), *lines[4:]]
        assert not is_taken_quickly(changed, trusted)
        assert broken_at(changed, trusted) == 3

    @given(
        st.integers(0, 8),
        st.integers(0, 700),
        st.integers(0, 30),
        st.sampled_from([b"", b" ", b'"', b"}", b",", b"\\", b"0", b"\n", b'"a":1,', b"\xff"]),
    )
    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_finds_what_the_judge_finds_whatever_is_replaced(
        self,
        lines: list[bytes],
        trusted: list[Ed25519PublicKey],
        number: int,
        at: int,
        width: int,
        piece: bytes,
    ) -> None:
        line = lines[number]
        changed = [*lines[:number], line[:at] + piece + line[at + width :], *lines[number + 1 :]]
        broken_at(b"".join(changed).splitlines(keepends=True), trusted)


class TestMain:
    """The command line, away from the product."""

    def test_runs_alone_and_answers_by_exit_code(self, tmp_path: Path, lines: list[bytes]) -> None:
        program = tmp_path / "verifier.py"
        program.write_bytes(Path(verifier.__file__).read_bytes())
        good, bad, key = tmp_path / "good.ndjson", tmp_path / "bad.ndjson", tmp_path / "pub.pem"
        good.write_bytes(b"".join(lines))
        bad.write_bytes(b"".join(lines[:3] + lines[4:]))
        key.write_text("".join(item.pem() for item in keys.public_keys(rules.PURPOSE)))

        def run(path: Path) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-I", str(program), str(path), "--key", str(key)],
                capture_output=True,
                text=True,
                check=False,
                cwd=tmp_path,
            )

        assert run(good).returncode == 0
        answer = run(bad)
        assert answer.returncode == 1
        assert "first broken entry: 3" in answer.stdout
        assert run(tmp_path / "none").returncode == 2

    def test_imports_only_the_standard_library_and_cryptography(self) -> None:
        tree = ast.parse(Path(verifier.__file__).read_text())
        names = {
            alias.name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        } | {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert names - set(sys.stdlib_module_names) == {"cryptography"}


class TestCanonical:
    """The verifier's own canonical JSON."""

    @given(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**53) + 1, 2**53 - 1)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(st.characters(codec="utf-8"), max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), inner, max_size=3)
            ),
            max_leaves=8,
        )
    )
    @settings(max_examples=300, deadline=None)
    def test_equals_the_products(self, value: object) -> None:
        assert verifier.canonical(value).encode() == canonical.encode(value)
