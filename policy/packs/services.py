"""Import, activate and take back packs; sign them with the installation's own key.

What must stay true: an import verifies first and stores second, in one transaction, whole or nothing.
"""

from __future__ import annotations

import base64
import binascii
import datetime
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from decisionos.kernel import errors
from decisionos.kernel.keys import services as keys
from decisionos.kernel.ledger import services as ledger
from policy.packs import components, format, selectors
from policy.packs.models import PackState, PackVersion
from policy.rules import services as rules

PURPOSE = "packs"


class PackVersionConflict(errors.Conflict):
    """This version was imported before, with other content."""

    code = "pack_version_conflict"
    title = "The version is taken"


class PackNothingBefore(errors.Conflict):
    """No earlier version can be put back in force."""

    code = "pack_nothing_before"
    title = "There is no version to go back to"


def publishers() -> dict[str, bytes]:
    """Return the trusted public keys by id: those of DOS_PACK_PUBLISHERS (``id:base64``) and our own."""
    found = {}
    for item in settings.DOS_PACK_PUBLISHERS:
        key_id, _, text = item.partition(":")
        try:
            public = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ImproperlyConfigured(f"DOS_PACK_PUBLISHERS: {key_id!r} is not base64.") from error
        if len(public) != 32 or not key_id:
            raise ImproperlyConfigured(f"DOS_PACK_PUBLISHERS: {key_id!r} must be id:base64 of 32 bytes.")
        found[key_id] = public
    return {**{key.kid: key.raw for key in keys.public_keys(PURPOSE)}, **found}


def sign_folder(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder, sealed with the installation's own key."""
    return sign_files(format.read_folder(folder))


def sign_files(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files with a manifest and a signature by the installation's own key."""
    # One key for the manifest and for what names it, even where a rotation comes between.
    signer = keys.signer(PURPOSE)
    return format.seal(files, key_id=signer.kid, sign=lambda data: signer.sign(data).value)


def write_folder(files: Mapping[str, bytes], folder: Path) -> None:
    """Write manifest and signature into the pack's folder; the other files are there already."""
    for name in (format.MANIFEST, format.SIGNATURE):
        (folder / name).write_bytes(files[name])


def verify(files: Mapping[str, bytes]) -> format.Signed:
    """Return the pack when it is whole and signed by a trusted publisher; raises a refusal."""
    signed = format.open_signed(files)
    format.verify(signed, publishers())
    return signed


def _parts(pack: format.Pack, folder: str, actor: str) -> list[components.Part]:
    return [
        components.Part(path, content, pack.name, pack.version, actor)
        for path, content in pack.under(folder).items()
    ]


def _install_rulesets(pack: format.Pack, actor: str) -> None:
    for part in _parts(pack, "rulesets", actor):
        rules.save_ruleset_version(
            source=part.content.decode(),
            version=pack.version,
            created_by=actor,
            origin=f"{pack.name} {pack.version}",
        )


@transaction.atomic
def import_pack(*, files: Mapping[str, bytes], actor: str, now: datetime.datetime) -> PackVersion:
    """Verify a pack and store its parts, none of them in force yet.

    Raises PackInvalid, PackSignatureRefused, PackVersionConflict and what the parts' owners refuse; nothing
    is stored then. Safe to retry: the same content again returns the stored version.
    """
    signed = verify(files)
    pack = signed.pack
    present = PackVersion.objects.filter(name=pack.name, version=pack.version).first()
    if present is not None:
        if present.digest != signed.digest:
            raise PackVersionConflict(f"{pack.name} {pack.version} was imported with other content.")
        return present
    try:
        _install_rulesets(pack, actor)
    except UnicodeDecodeError as error:
        raise format.PackInvalid("A ruleset of the pack cannot be read.") from error
    for folder, installer in components.installers().items():
        installer.install(_parts(pack, folder, actor))
    row = PackVersion.objects.create(
        name=pack.name,
        version=pack.version,
        digest=signed.digest,
        key_id=str(signed.signature["key_id"]),
        description=pack.description,
        manifest=signed.manifest,
        archive=format.write_archive(files),
        imported_by=actor,
        imported_at=now,
    )
    _note("pack.imported", row, actor)
    return row


@transaction.atomic
def activate_pack(*, name: str, version: str, actor: str, now: datetime.datetime) -> PackVersion:
    """Put a version in force in place of the one before. Raises PackNotFound. Safe to retry."""
    row = selectors.get_pack(name=name, version=version)
    active = PackVersion.objects.select_for_update().filter(name=name, state=PackState.ACTIVE).first()
    if active is not None and active.pk == row.pk:
        return row
    if active is not None:
        active.state = PackState.RETIRED
        active.save(update_fields=["state"])
    _put_in_force(row, actor, now)
    row.previous = active
    row.save(update_fields=["state", "activated_at", "previous"])
    _note("pack.activated", row, actor)
    return row


def _put_in_force(row: PackVersion, actor: str, now: datetime.datetime) -> None:
    pack = format.describe(format.read_archive(bytes(row.archive)))
    for folder, installer in components.installers().items():
        installer.activate(_parts(pack, folder, actor))
    row.state = PackState.ACTIVE
    row.activated_at = now


@transaction.atomic
def roll_back_pack(*, name: str, actor: str, now: datetime.datetime) -> PackVersion:
    """Put the version before the present one back in force. Raises PackNotFound, PackNothingBefore."""
    active = PackVersion.objects.select_for_update().filter(name=name, state=PackState.ACTIVE).first()
    if active is None and not selectors.list_packs().filter(name=name).exists():
        raise selectors.PackNotFound(f"There is no pack {name!r}.")
    if active is None or active.previous is None:
        raise PackNothingBefore(f"The pack {name!r} has no earlier version to go back to.")
    back = active.previous
    active.state = PackState.RETIRED
    active.save(update_fields=["state"])
    _put_in_force(back, actor, now)
    back.save(update_fields=["state", "activated_at"])
    _note("pack.rolled_back", back, actor)
    return back


def _note(kind: str, row: PackVersion, actor: str) -> None:
    payload = {
        "name": row.name,
        "version": row.version,
        "digest": row.digest,
        "key_id": row.key_id,
        "actor": actor,
    }
    ledger.append(kind=kind, payload=payload, subject_type="pack", subject_id=row.name)
