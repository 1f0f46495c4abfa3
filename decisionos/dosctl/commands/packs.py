"""``pack lint|sign|verify`` on a folder; ``pack import|list|activate|rollback`` on a server."""

from __future__ import annotations

import argparse
import base64
import binascii
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from decisionos.dosctl import exits, inputs
from decisionos.dosctl.commands import local
from decisionos.dosctl.program import Context
from decisionos.kernel import errors

_COLUMNS = ("name", "version", "state", "digest", "key_id", "imported_at", "activated_at")


def _format() -> Any:
    return local.module("policy.packs.format")


def _folder(name: str) -> dict[str, bytes]:
    with local.refusals():
        files: dict[str, bytes] = _format().read_folder(Path(name))
    return files


def lint(context: Context, arguments: argparse.Namespace) -> int:
    """Show what a reviewer should look at in a pack."""
    files = _folder(arguments.dir)
    with local.refusals():
        found = [*_format().lint(files), *_content(files)]
    context.output.rows(found, found, ("level", "code", "message"), empty="Nothing to complain about.")
    return verdict(found, arguments.fail_on)


def _content(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """Return what the contracts and, against their schemas, the rulesets of a pack have wrong."""
    document, sources = (
        local.module("policy.decisions.contracts.document"),
        local.module("policy.rules.sources"),
    )
    pack = _format().describe(files)
    found: list[dict[str, Any]] = []
    loaded: dict[str, Any] = {}
    for path, data in pack.under("rulesets").items():
        try:
            ruleset = sources.read(data).ruleset
        except errors.DosError as refusal:
            found.append({"level": "error", "code": refusal.code, "message": f"{path}: {refusal.detail}"})
        else:
            loaded[ruleset.name] = ruleset
    for path, data in pack.under("contracts").items():
        try:
            contract = document.parse(document.load(data), ruleset_version=pack.version)
        except errors.DosError as refusal:
            wrong = (
                "; ".join(f"{item['pointer']} {item['message']}" for item in refusal.errors) or refusal.detail
            )
            found.append({"level": "error", "code": refusal.code, "message": f"{path}: {wrong}"})
            continue
        for ref in contract.rulesets:
            if ref.name in loaded:
                found += _rules(loaded[ref.name], contract)
            else:
                message = f"{path} names the ruleset {ref.name!r}, which the pack does not have."
                found.append({"level": "error", "code": "ruleset_absent", "message": message})
    return found


def _rules(ruleset: Any, contract: Any) -> list[dict[str, Any]]:
    return [
        {
            "level": str(item.severity),
            "code": item.code,
            "message": f"{contract.name}: {ruleset.name}: {item.rule} (line {item.line}): {item.message}",
        }
        for item in local.module("policy.rules.linting").lint(ruleset, contract.input_schema)
    ]


def verdict(found: list[dict[str, Any]], fail_on: str) -> int:
    """Return 2 where a finding is at least as grave as what fails."""
    failing = {"never": set(), "error": {"error"}, "warning": {"error", "warning"}}[fail_on]
    return exits.POLICY if any(item["level"] in failing for item in found) else exits.DONE


def sign(context: Context, arguments: argparse.Namespace) -> int:
    """Write manifest and signature into the folder."""
    try:
        key = serialization.load_pem_private_key(inputs.read_bytes(arguments.key), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise exits.Stop(
            f"{arguments.key} is not a private key in PEM without a password.", exits.INPUT
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise exits.Stop(f"{arguments.key} is not an Ed25519 key.", exits.INPUT)
    form = _format()
    with local.refusals():
        sealed = form.seal(_folder(arguments.dir), key_id=arguments.key_id, sign=key.sign)
    for name in (form.MANIFEST, form.SIGNATURE):
        (Path(arguments.dir) / name).write_bytes(sealed[name])
    told = {"folder": arguments.dir, "key_id": arguments.key_id, "files": len(sealed) - 2}
    context.output.facts(told, told)
    return exits.DONE


def _publisher(text: str) -> tuple[str, bytes]:
    key_id, sign_, file = text.partition("=")
    if not sign_:
        raise exits.Stop(f"Write --publisher ID=FILE, not {text!r}.", exits.INPUT)
    data = inputs.read_bytes(file)
    try:
        if data.lstrip().startswith(b"-----"):
            loaded = serialization.load_pem_public_key(data)
            if not isinstance(loaded, Ed25519PublicKey):
                raise exits.Stop(f"{file} is not an Ed25519 key.", exits.INPUT)
            return key_id, loaded.public_bytes_raw()
        raw = base64.b64decode(data.strip(), validate=True)
    except (ValueError, binascii.Error, UnsupportedAlgorithm) as error:
        raise exits.Stop(f"{file} is not a public key in PEM or base64.", exits.INPUT) from error
    if len(raw) != 32:
        raise exits.Stop(f"{file} holds {len(raw)} bytes; an Ed25519 public key has 32.", exits.INPUT)
    return key_id, raw


def verify(context: Context, arguments: argparse.Namespace) -> int:
    """Check a folder against its manifest and the publishers' keys."""
    form = _format()
    publishers = dict(_publisher(text) for text in arguments.publisher)
    with local.refusals():
        signed = form.open_signed(_folder(arguments.dir))
        key_id = form.verify(signed, publishers)
    told = {
        "name": signed.pack.name,
        "version": signed.pack.version,
        "signed_by": key_id,
        "digest": signed.digest,
    }
    context.output.facts(told, told)
    return exits.DONE


def import_pack(context: Context, arguments: argparse.Namespace) -> int:
    """Send a folder as one archive."""
    form = _format()
    files = _folder(arguments.dir)
    if form.SIGNATURE not in files:
        raise exits.Stop("The pack is not signed. Run `dosctl pack sign` first.", exits.INPUT)
    with local.refusals():
        archive = form.write_archive(files)
    upload = {"archive": ("pack.zip", archive, "application/zip")}
    answer = context.client().call("POST", "/packs/import", files=upload, write_key=True)
    context.output.facts(answer, answer)
    return exits.DONE


def listing(context: Context, arguments: argparse.Namespace) -> int:
    """List the imported versions."""
    rows = context.client().pages("/packs", {}, most=arguments.limit)
    context.output.rows(rows, rows, _COLUMNS, empty="No pack was imported. `dosctl pack import DIR` does it.")
    return exits.DONE


def activate(context: Context, arguments: argparse.Namespace) -> int:
    """Put a version in force."""
    path = f"/packs/{arguments.name}/versions/{arguments.version}/activate"
    answer = context.client().call("POST", path, write_key=True)
    context.output.facts(answer, answer)
    return exits.DONE


def rollback(context: Context, arguments: argparse.Namespace) -> int:
    """Put the version before back in force."""
    answer = context.client().call("POST", f"/packs/{arguments.name}/rollback", write_key=True)
    context.output.facts(answer, answer)
    return exits.DONE
