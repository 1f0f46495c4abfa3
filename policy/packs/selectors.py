"""Reads of packs."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from decisionos.kernel import errors
from policy.packs.models import PackState, PackVersion


class PackNotFound(errors.NotFound):
    """There is no such pack."""

    code = "pack_not_found"
    title = "There is no such pack"


def list_packs() -> QuerySet[PackVersion]:
    """Return every imported version, newest first, without the archives."""
    return PackVersion.objects.defer("archive").order_by("-id")


def get_pack(*, name: str, version: str) -> PackVersion:
    """Return one version; raises PackNotFound."""
    found = PackVersion.objects.filter(name=name, version=version).first()
    if found is None:
        raise PackNotFound(f"The pack {name!r} was not imported in version {version}.")
    return found


def find_active(*, name: str) -> PackVersion | None:
    """Return the version in force, or None."""
    return PackVersion.objects.filter(name=name, state=PackState.ACTIVE).first()


def as_json(row: PackVersion) -> dict[str, Any]:
    """Return a pack as the API shows it."""
    return {
        "id": str(row.id),
        "name": row.name,
        "version": row.version,
        "state": row.state,
        "digest": row.digest,
        "key_id": row.key_id,
        "description": row.description,
        "files": sorted(row.manifest["files"]),
        "imported_by": row.imported_by,
        "imported_at": row.imported_at.isoformat(),
        "activated_at": row.activated_at.isoformat() if row.activated_at else None,
    }
