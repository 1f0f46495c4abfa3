"""The pack format: files, a manifest of their hashes, a detached Ed25519 signature over the manifest.

What must stay true: reading never writes to disk and never follows a link; a path that leaves the pack, a
file that the manifest does not list, a listed file that is absent or differs, and any size above the limits
refuse the pack whole. The signature covers the canonical bytes of the manifest, so that re-serialising
MANIFEST.json cannot change what was signed.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import io
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import orjson
import yaml
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from decisionos.kernel import canonical, errors

MANIFEST, SIGNATURE, DESCRIPTION = "MANIFEST.json", "SIGNATURE", "pack.yaml"
MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_PACK_BYTES = 32 * 1024 * 1024
MAX_FILES = 1000
FORMAT = 1

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-[0-9A-Za-z.-]+)?\Z")
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. /-]*\Z")


class PackInvalid(errors.Invalid):
    """The pack cannot be taken as it is."""

    code = "pack_invalid"
    title = "The pack is not acceptable"


class PackTooLarge(errors.TooLarge):
    """The pack is larger than the format allows."""

    code = "pack_too_large"
    title = "The pack is too large"


class PackSignatureRefused(errors.Invalid):
    """Nobody we trust signed this content."""

    code = "pack_signature_refused"
    title = "The signature of the pack is not acceptable"


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack in memory: what it says about itself and its files, signature and manifest apart."""

    name: str
    version: str
    description: str
    meta: dict[str, Any]
    files: dict[str, bytes]

    def under(self, folder: str) -> dict[str, bytes]:
        """Return the YAML files of one folder, in order of their paths."""
        prefix = folder.rstrip("/") + "/"
        return {
            path: self.files[path]
            for path in sorted(self.files)
            if path.startswith(prefix) and path.endswith((".yaml", ".yml"))
        }


@dataclass(frozen=True, slots=True)
class Signed:
    """A pack with its manifest and signature, not yet verified."""

    pack: Pack
    manifest: dict[str, Any]
    signature: dict[str, Any]

    @property
    def digest(self) -> str:
        """Return the hash of the manifest, which names this content."""
        return canonical.digest(self.manifest)


def check_path(path: str) -> str:
    """Return the path when it stays inside the pack; raises PackInvalid."""
    parts = PurePosixPath(path).parts
    if (
        not _PATH.match(path)
        or path.startswith("/")
        or "\\" in path
        or any(part in {"..", "."} or part.startswith(".") for part in parts)
        or "/".join(parts) != path
        or len(path) > 200
    ):
        raise PackInvalid(f"The path {path!r} is not allowed in a pack.", code="pack_path_refused")
    return path


class _Collector:
    """Gathers files under the limits of the format."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self._total = 0

    def add(self, path: str, size: int, read: Callable[[int], bytes]) -> None:
        check_path(path)
        if path in self.files:
            raise PackInvalid(f"The path {path!r} occurs twice.")
        if size > MAX_FILE_BYTES or self._total + size > MAX_PACK_BYTES or len(self.files) >= MAX_FILES:
            raise PackTooLarge(f"The pack is over the limit at {path!r}.")
        # A declared size is a claim of the archive: never read past it.
        content = read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES or self._total + len(content) > MAX_PACK_BYTES:
            raise PackTooLarge(f"The pack is over the limit at {path!r}.")
        self._total += len(content)
        self.files[path] = content


def read_folder(folder: Path) -> dict[str, bytes]:
    """Read every file of a folder; raises PackInvalid on a link, a device or an escaping path."""
    if folder.is_symlink() or not folder.is_dir():
        raise PackInvalid(f"{folder.name!r} is not a folder.")
    collector = _Collector()
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder).as_posix()
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            raise PackInvalid(f"{relative!r} is a link; a pack holds plain files only.")
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            raise PackInvalid(f"{relative!r} is not a plain file.")
        with path.open("rb") as handle:
            collector.add(relative, path.lstat().st_size, handle.read)
    return collector.files


def _read_zip(data: bytes, collector: _Collector) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            if stat.S_ISLNK(info.external_attr >> 16):
                raise PackInvalid(f"{info.filename!r} is a link; a pack holds plain files only.")
            with archive.open(info) as handle:
                collector.add(info.filename, info.file_size, handle.read)


def _read_tar(data: bytes, collector: _Collector) -> None:
    # Unpacked under a limit first: a compressed archive must not grow without end in memory.
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        plain = stream.read(2 * MAX_PACK_BYTES + 1)
    if len(plain) > 2 * MAX_PACK_BYTES:
        raise PackTooLarge("The archive unpacks to more than the limit.")
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
        for member in archive:
            if member.isdir():
                continue
            handle = archive.extractfile(member) if member.isreg() else None
            if handle is None:
                raise PackInvalid(f"{member.name!r} is not a plain file.")
            collector.add(member.name.removeprefix("./"), member.size, handle.read)


def read_archive(data: bytes) -> dict[str, bytes]:
    """Read a .zip or .tar.gz archive in memory; raises PackInvalid or PackTooLarge."""
    if len(data) > MAX_PACK_BYTES:
        raise PackTooLarge("The archive is over the limit.")
    collector = _Collector()
    try:
        if data[:2] == b"\x1f\x8b":
            _read_tar(data, collector)
        elif data[:4] == b"PK\x03\x04":
            _read_zip(data, collector)
        else:
            raise PackInvalid("A pack comes as .zip or .tar.gz.")
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        EOFError,
        OSError,
        RuntimeError,
        NotImplementedError,
    ) as error:
        raise PackInvalid("The archive cannot be read.") from error
    return collector.files


def write_archive(files: Mapping[str, bytes]) -> bytes:
    """Return a .zip of the files whose bytes depend on nothing but the files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            info = zipfile.ZipInfo(check_path(path), date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, files[path])
    return buffer.getvalue()


def describe(files: Mapping[str, bytes]) -> Pack:
    """Read pack.yaml and return the pack without manifest and signature; raises PackInvalid."""
    if DESCRIPTION not in files:
        raise PackInvalid(f"The pack has no {DESCRIPTION}.")
    try:
        meta = yaml.safe_load(files[DESCRIPTION])
    except yaml.YAMLError as error:
        raise PackInvalid(f"{DESCRIPTION} is not valid YAML.") from error
    if not isinstance(meta, dict):
        raise PackInvalid(f"{DESCRIPTION} must be a mapping.")
    problems = []
    name, version = str(meta.get("name", "")), str(meta.get("version", ""))
    if not _NAME.match(name):
        problems.append({"pointer": "/name", "message": "must be a snake_case name"})
    if not _VERSION.match(version):
        problems.append({"pointer": "/version", "message": "must be a version of three numbers"})
    if problems:
        raise PackInvalid(f"{DESCRIPTION} is incomplete.", errors=problems)
    content = {path: data for path, data in files.items() if path not in {MANIFEST, SIGNATURE}}
    description = str(meta.get("description", "")).strip()
    return Pack(name, version, description, orjson.loads(orjson.dumps(meta, default=str)), content)


def manifest_of(pack: Pack) -> dict[str, Any]:
    """Return the manifest: the name, the version and the hash and size of every file."""
    return {
        "format": FORMAT,
        "name": pack.name,
        "version": pack.version,
        "files": {
            path: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
            for path, data in sorted(pack.files.items())
        },
    }


def seal(files: Mapping[str, bytes], *, key_id: str, sign: Callable[[bytes], bytes]) -> dict[str, bytes]:
    """Return the files with a fresh manifest and signature."""
    pack = describe(files)
    for path in pack.files:
        check_path(path)
    manifest = manifest_of(pack)
    signature = {
        "algorithm": "Ed25519",
        "key_id": key_id,
        "signature": base64.b64encode(sign(canonical.encode(manifest))).decode(),
    }
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return {
        **pack.files,
        MANIFEST: orjson.dumps(manifest, option=options),
        SIGNATURE: orjson.dumps(signature, option=options),
    }


def _json_object(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    if name not in files:
        raise PackSignatureRefused(f"The pack has no {name}.")
    try:
        value = orjson.loads(files[name])
    except orjson.JSONDecodeError as error:
        raise PackSignatureRefused(f"{name} is not valid JSON.") from error
    if not isinstance(value, dict):
        raise PackSignatureRefused(f"{name} must be an object.")
    return value


def open_signed(files: Mapping[str, bytes]) -> Signed:
    """Compare the files with the manifest; raises PackInvalid naming the first difference."""
    manifest, signature = _json_object(files, MANIFEST), _json_object(files, SIGNATURE)
    pack = describe(files)
    listed = manifest.get("files")
    if manifest.get("format") != FORMAT or not isinstance(listed, dict):
        raise PackInvalid(f"{MANIFEST} has an unknown format.")
    if (manifest.get("name"), manifest.get("version")) != (pack.name, pack.version):
        raise PackInvalid(f"{MANIFEST} and {DESCRIPTION} name different packs.")
    for path in listed:
        check_path(str(path))
    unlisted = sorted(set(pack.files) - set(listed))
    absent = sorted(set(listed) - set(pack.files))
    if unlisted:
        raise PackInvalid(f"{unlisted[0]!r} is not listed in {MANIFEST}.", code="pack_file_unlisted")
    if absent:
        raise PackInvalid(f"{absent[0]!r} is listed in {MANIFEST} but absent.", code="pack_file_absent")
    expected = manifest_of(pack)["files"]
    for path in sorted(listed):
        if listed[path] != expected[path]:
            raise PackInvalid(f"{path!r} differs from {MANIFEST}.", code="pack_file_differs")
    return Signed(pack, manifest, signature)


def verify(signed: Signed, publishers: Mapping[str, bytes]) -> str:
    """Return the key id of the trusted publisher that signed; raises PackSignatureRefused."""
    key_id = str(signed.signature.get("key_id", ""))
    if signed.signature.get("algorithm") != "Ed25519":
        raise PackSignatureRefused("Packs are signed with Ed25519.")
    public = publishers.get(key_id)
    if public is None:
        raise PackSignatureRefused(f"The key {key_id!r} is not a trusted publisher's.")
    try:
        raw = base64.b64decode(str(signed.signature.get("signature", "")), validate=True)
        Ed25519PublicKey.from_public_bytes(public).verify(raw, canonical.encode(signed.manifest))
    except (binascii.Error, ValueError, InvalidSignature) as error:
        raise PackSignatureRefused("The signature does not match the content.") from error
    return key_id


def lint(files: Mapping[str, bytes]) -> list[dict[str, str]]:
    """Return what a reviewer should look at: level, code, message."""
    pack = describe(files)
    found = []
    if not pack.under("contracts"):
        found.append({"level": "warning", "code": "no_contracts", "message": "The pack has no contract."})
    if not pack.under("rulesets"):
        found.append({"level": "warning", "code": "no_rulesets", "message": "The pack has no ruleset."})
    if not pack.description:
        found.append({"level": "info", "code": "no_description", "message": "The pack describes nothing."})
    names: dict[tuple[str, str], str] = {}
    for folder in ("contracts", "rulesets"):
        for path, data in pack.under(folder).items():
            try:
                document = yaml.safe_load(data)
            except yaml.YAMLError:
                found.append({"level": "error", "code": "yaml", "message": f"{path} is not valid YAML."})
                continue
            name = str(document.get("name", "")) if isinstance(document, dict) else ""
            if not name:
                found.append({"level": "error", "code": "no_name", "message": f"{path} has no name."})
            elif (folder, name) in names:
                message = f"{path} repeats the name {name!r} of {names[folder, name]}."
                found.append({"level": "error", "code": "duplicate", "message": message})
            names[folder, name] = path
    return found
