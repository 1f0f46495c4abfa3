#!/usr/bin/env python3
"""Verify a DecisionOS ledger export without DecisionOS.

    python verifier.py export.ndjson --key pub.pem

Needs Python 3.11 and the package ``cryptography``, and nothing of the product. The key file must come from
a source you trust: keys inside the export prove nothing about themselves. Exit code 0: consistent; 1: broken,
and the first broken entry is named; 2: the files cannot be read.

``Verifier`` reads every line as JSON and is the judge. ``Quick`` cuts the record out of an entry's line and
hashes the bytes as they stand: what it accepts was signed, byte for byte; all else is left to the judge.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import io
import json
import math
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

FORMAT = "decisionos-ledger/1"
RECORD = ("actor", "at", "corr_id", "id", "kind", "payload", "subject_id", "subject_type", "tenant")
ORDER = {"header": 0, "entry": 1, "checkpoint": 2, "key": 3, "end": 4}


class ExportBroken(Exception):
    """The export is not what was written; ``seq`` is the first entry that cannot be trusted."""

    def __init__(self, seq: int, entry_id: str, reason: str) -> None:
        super().__init__(reason)
        self.seq, self.entry_id, self.reason = seq, entry_id, reason

    def __str__(self) -> str:
        named = f" ({self.entry_id})" if self.entry_id else ""
        return f"first broken entry: {self.seq}{named}: {self.reason}"


# --- canonical JSON (RFC 8785) --------------------------------------------------------------------


def _float(value: float) -> str:
    """Return a double as ECMAScript writes it."""
    if not math.isfinite(value):
        raise ValueError("not a finite number")
    if value == 0:
        return "0"
    sign, value = ("-" if value < 0 else ""), abs(value)
    mantissa, _, power = f"{value!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    # The value is 0.digits times ten to the point.
    point = len(whole) + int(power or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    exponent = point - 1
    text = digits[0] + ("." + digits[1:] if count > 1 else "")
    return f"{sign}{text}e{'+' if exponent > 0 else '-'}{abs(exponent)}"


def canonical(value: Any) -> str:
    """Return RFC 8785 text."""
    if value is None or isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        return str(value) if abs(value) < 2**53 else _float(float(value))
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    items = sorted(value.items(), key=lambda item: item[0].encode("utf-16-be"))
    return (
        "{"
        + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{canonical(item)}" for key, item in items)
        + "}"
    )


def sha256(data: bytes) -> bytes:
    """Return the hash."""
    return hashlib.sha256(data).digest()


# --- the Merkle tree (RFC 9162) -------------------------------------------------------------------


@dataclass
class Tree:
    """The peaks of complete subtrees, from which the root follows."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def append(self, digest: bytes) -> None:
        """Add a leaf."""
        self._add(sha256(b"\x00" + digest), 1)

    def _add(self, node: bytes, width: int) -> None:
        """Add a complete subtree that may stand here."""
        size = self.size // width
        while size & 1:
            node, size = sha256(b"\x01" + self.peaks.pop() + node), size >> 1
        self.peaks.append(node)
        self.size += width

    def extend(self, digests: bytes | bytearray) -> None:
        """Add leaves whose digests stand one after another: the same as appending each, only quicker."""
        hashed, size = hashlib.sha256, hashlib.sha256().digest_size
        leaves = [hashed(b"\x00" + digests[i : i + size]).digest() for i in range(0, len(digests), size)]
        at, count = 0, len(leaves)
        while at < count:
            # The largest complete subtree that starts here and whose leaves are all given.
            width = min(self.size & -self.size or count, 1 << (count - at).bit_length() - 1)
            level = leaves[at : at + width]
            while len(level) > 1:
                one = iter(level)
                level = [
                    hashed(b"\x01" + left + right).digest() for left, right in zip(one, one, strict=True)
                ]
            self._add(level[0], width)
            at += width

    def root(self) -> str:
        """Return the root."""
        if not self.peaks:
            return sha256(b"").hex()
        root = self.peaks[-1]
        for peak in self.peaks[-2::-1]:
            root = sha256(b"\x01" + peak + root)
        return root.hex()


# --- the export -----------------------------------------------------------------------------------


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _hash_text(value: Any) -> bytes:
    if not isinstance(value, str) or len(value) != 64 or value != value.lower():
        raise ValueError("a hash must have 64 hexadecimal digits in lower case")
    return bytes.fromhex(value)


class Verifier:
    """Follows an export line by line."""

    def __init__(self, trusted: Iterable[Ed25519PublicKey]) -> None:
        self.trusted = list(trusted)
        self.stage = -1
        self.header: dict[str, Any] = {}
        self.tree = Tree()
        self.head = ""
        self.seq = 0
        self.reached = b""
        self.digests: list[bytes] = []
        self.ids: list[str] = []
        self.checkpoints = 0
        self.covered = 0
        self.lines = 0
        self.running = hashlib.sha256()
        self.kids: set[str] = set()
        self.ended = False

    def fail(self, reason: str, entry_id: str = "", seq: int | None = None) -> ExportBroken:
        """Return the refusal at the entry that would come next."""
        return ExportBroken(self.seq + 1 if seq is None else seq, entry_id, reason)

    def take(self, line: bytes) -> None:
        """Check one line; raises ExportBroken."""
        if self.ended:
            raise self.fail("something follows the end line")
        try:
            value = json.loads(line, object_pairs_hook=_refuse_twice)
            kind = value["type"]
            stage = ORDER[kind]
            is_canonical = (canonical(value) + "\n").encode() == line
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise self.fail(f"line {self.lines + 1} cannot be read: {error}") from error
        try:
            if self.stage == -1 and kind != "header":
                raise self.fail("the header is missing")
            if stage < self.stage or (stage == self.stage and kind in {"header", "end"}):
                raise self.fail(f"a line of type {kind} stands in the wrong place")
            if kind != "entry" and self.stage in {0, 1} and stage > 1:
                self.check_all_there()
            self.stage = stage
            getattr(self, f"take_{kind}")(value)
        except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
            raise self.fail(f"line {self.lines + 1} is malformed: {error!r}") from error
        if not is_canonical:
            # An entry that was only written differently is that entry; anything else comes after all of them.
            raise self.fail(f"line {self.lines + 1} is not canonical", seq=max(1, self.seq))
        self.lines += 1
        self.running.update(line)

    def take_header(self, value: dict[str, Any]) -> None:
        """Take the place in the chain where the export starts."""
        first, last = value["first"], value["last"]
        if value["format"] != FORMAT:
            raise self.fail(f"the format {value['format']!r} is not {FORMAT}")
        if not (isinstance(first, int) and isinstance(last, int) and 1 <= first <= last):
            raise self.fail("the header's numbers make no stretch", seq=1)
        peaks = [_hash_text(peak) for peak in value["peaks"]]
        if len(peaks) != (first - 1).bit_count():
            raise self.fail("the header's peaks do not fit its first number", seq=first)
        if first == 1 and value["prev"] != "0" * 64:
            raise self.fail("the first entry must follow 64 zeros", seq=1)
        self.reached = _hash_text(value["prev"])
        self.header, self.head, self.seq = value, value["prev"], first - 1
        self.tree = Tree(first - 1, peaks)

    def take_entry(self, value: dict[str, Any]) -> None:
        """Check digest, number and link of an entry."""
        name = str(value.get("id", ""))
        if value["seq"] != self.seq + 1:
            raise self.fail(f"number {self.seq + 1} is missing or displaced: found {value['seq']}", name)
        digest = sha256(canonical({key: value[key] for key in RECORD}).encode())
        if set(value) != {*RECORD, "type", "seq", "prev", "curr", "digest"}:
            raise self.fail("a field too many", name)
        if digest != _hash_text(value["digest"]):
            raise self.fail("its content is not what its digest covers", name)
        if value["tenant"] != self.header["tenant"]:
            raise self.fail("it belongs to another tenant", name)
        if value["prev"] != self.head:
            raise self.fail("it does not follow the entry before it", name)
        if value["curr"] != sha256(_hash_text(value["prev"]) + digest).hex():
            raise self.fail("its seal is not its own", name)
        self.head = value["curr"]
        self.seq += 1
        self.digests.append(digest)
        self.ids.append(name)

    def check_all_there(self) -> None:
        """Refuse an export whose entries end before the header says."""
        if self.seq != self.header["last"]:
            raise self.fail(f"the entries end at {self.seq} of {self.header['last']}")

    def grow(self, size: int) -> None:
        """Bring tree and chain up to a checkpoint's size."""
        while self.tree.size < size:
            digest = self.digests[self.tree.size - self.header["first"] + 1]
            self.tree.append(digest)
            self.reached = sha256(self.reached + digest)

    def name_of(self, seq: int) -> str:
        """Return the id of the entry of a number."""
        return self.ids[seq - int(self.header["first"])]

    def take_checkpoint(self, value: dict[str, Any]) -> None:
        """Check a checkpoint's root, head and signature."""
        size, first = value["size"], self.header["first"]
        at = self.covered + 1 if self.covered else first
        if not isinstance(size, int) or not at <= size <= self.seq:
            raise self.fail(f"a checkpoint of {size} entries stands in the wrong place", seq=at)
        self.grow(size)
        name = self.name_of(at)
        if value["tenant"] != self.header["tenant"]:
            raise self.fail("the checkpoint belongs to another tenant", name, seq=at)
        statement = {key: value[key] for key in ("head", "root", "size", "tenant", "time")}
        if not self.is_signed(statement, value["signature"]):
            raise self.fail(f"the checkpoint of {size} entries is not signed by the given key", name, seq=at)
        if value["root"] != self.tree.root():
            raise self.fail(f"entries {at} to {size} are not the ones that were signed", name, seq=at)
        if value["head"] != self.reached.hex():
            raise self.fail(f"the chain at {size} is not the one that was signed", name, seq=at)
        self.checkpoints += 1
        self.covered = size

    def take_key(self, value: dict[str, Any]) -> None:
        """Note a key: for the reader's information, it proves nothing."""
        if value["algorithm"] != "Ed25519":
            raise self.fail(f"the algorithm {value['algorithm']!r} is not known")
        self.kids.add(value["kid"])

    def take_end(self, value: dict[str, Any]) -> None:
        """Check the count and the hash of all lines before."""
        if self.covered != self.seq:
            raise self.fail("no checkpoint covers the last entries", seq=self.covered + 1)
        if value["lines"] != self.lines or value["sha256"] != self.running.hexdigest():
            raise self.fail("lines were added, removed or changed")
        statement = {key: value[key] for key in ("lines", "sha256", "time")}
        if not self.is_signed(statement, value["signature"]):
            raise self.fail("the end line is not signed by the given key")
        if value["kid"] not in self.kids:
            raise self.fail("the end line names a key that the export does not list")
        self.ended = True

    def is_signed(self, statement: dict[str, Any], signature: str) -> bool:
        """Return whether one of the trusted keys signed the statement."""
        raw = base64.b64decode(signature, validate=True)
        if base64.b64encode(raw).decode() != signature:
            return False
        for key in self.trusted:
            try:
                key.verify(raw, canonical(statement).encode())
            except InvalidSignature:
                continue
            return True
        return False

    def finish(self) -> None:
        """Refuse an export that stops early."""
        if not self.ended:
            raise self.fail("the export is cut off: its end line is missing")


# --- the quick look -------------------------------------------------------------------------------

_TEXT = rb'"[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*"'
_FRONT = re.compile(rb'\{"actor":%b,"at":%b,"corr_id":%b' % (_TEXT, _TEXT, _TEXT))
_BACK = rb',"subject_id":%b,"subject_type":%b,"tenant":"%b"'
_LAST = b',"type":"entry"}\n'
_SEAL = b',"curr":"%b","digest":"%b"'
_SEAL_BYTES = len(_SEAL) - 4 + 2 * 64
_AT_ONCE = 1 << 16


class Quick(Verifier):
    """Follows an export by its bytes; refuses whatever is not exactly as the product writes it.

    The front is read from the first byte on, the back up to the last, each by members that stand side by
    side, so that no nested object and no text can pass for the place of a seal.
    """

    def __init__(self, trusted: Iterable[Ed25519PublicKey]) -> None:
        super().__init__(trusted)
        self.raws, self.heads = bytearray(), bytearray()
        self.back = re.compile(b"")

    def take_header(self, value: dict[str, Any]) -> None:
        """Take the header, and the shape of what must follow."""
        super().take_header(value)
        self.back = re.compile(_BACK % (_TEXT, _TEXT, re.escape(str(value["tenant"]).encode())))

    def take(self, line: bytes) -> None:
        """Check one line; raises ExportBroken where there is the slightest doubt."""
        if not line.endswith(_LAST) or not 0 <= self.stage <= 1:
            super().take(line)
            return
        link = b',"prev":"%b","seq":%d' % (self.head.encode(), self.seq + 1)
        front, at, end = _FRONT.match(line), line.rfind(link), len(line) - len(_LAST)
        if front is None or at < 0 or self.back.fullmatch(line, at + len(link), end) is None:
            raise self.fail("it is not written as expected")
        cut = front.end()
        digest = sha256(line[:cut] + line[cut + _SEAL_BYTES : at] + line[at + len(link) : end] + b"}")
        head = sha256(bytes(self.heads[-32:] or self.reached) + digest)
        self.head = head.hex()
        if line[cut : cut + _SEAL_BYTES] != _SEAL % (self.head.encode(), digest.hex().encode()):
            raise self.fail("its digest or its seal is not its own")
        self.raws += digest
        self.heads += head
        self.stage, self.seq, self.lines = 1, self.seq + 1, self.lines + 1
        self.running.update(line)

    def grow(self, size: int) -> None:
        """Bring tree and chain up to a checkpoint's size."""
        before = int(self.header["first"]) - 1
        while self.tree.size < size:
            start = self.tree.size - before
            stop = min(start + _AT_ONCE, size - before)
            self.tree.extend(self.raws[start * 32 : stop * 32])
            self.reached = bytes(self.heads[stop * 32 - 32 : stop * 32])

    def name_of(self, seq: int) -> str:
        """Return nothing: the judge names it."""
        return ""


def _follow(verifier: Verifier, lines: Iterable[bytes]) -> Verifier:
    for line in lines:
        verifier.take(line)
    verifier.finish()
    return verifier


def verify(lines: Iterable[bytes], trusted: Iterable[Ed25519PublicKey]) -> Verifier:
    """Check an export; raises ExportBroken. Lines that can be read only once are judged at once."""
    keys = list(trusted)
    start = lines.tell() if isinstance(lines, io.IOBase) and lines.seekable() else None
    if start is not None or iter(lines) is not lines:
        try:
            return _follow(Quick(keys), lines)
        except ExportBroken:
            if start is not None:
                lines.seek(start)  # type: ignore[attr-defined]
    return _follow(Verifier(keys), lines)


def load_keys(pem: bytes) -> list[Ed25519PublicKey]:
    """Return the Ed25519 keys of a file that may hold several; raises ValueError."""
    marker = b"-----BEGIN"
    found: list[Ed25519PublicKey] = []
    for part in pem.split(marker)[1:]:
        key = load_pem_public_key(marker + part)
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("the key is not an Ed25519 key")
        found.append(key)
    if not found:
        raise ValueError("the key file holds no PEM key")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Verify a DecisionOS ledger export.")
    parser.add_argument("export", type=Path)
    parser.add_argument("--key", type=Path, required=True, help="trusted public keys, PEM")
    options = parser.parse_args(arguments)
    try:
        trusted = load_keys(options.key.read_bytes())
        with options.export.open("rb", buffering=1 << 20) as stream:
            result = verify(stream, trusted)
    except ExportBroken as broken:
        sys.stdout.write(f"BROKEN {broken}\n")
        return 1
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot read: {error}\n")
        return 2
    first, last = result.header["first"], result.header["last"]
    sys.stdout.write(f"OK entries {first} to {last}, {result.checkpoints} checkpoints, head {result.head}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
