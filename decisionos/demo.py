"""The demo organization of `make run`: people, keys, the lending pack, and a thousand real decisions.

Made once for each data folder; a later start finds it again. The keys lie beside the data, readable by
their owner only, since the database keeps no more than their hashes.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from decisionos.kernel import clock, errors
from decisionos.kernel.ledger import sealing
from decisionos.kernel.tenants import scope
from policy.decisions import demo as applications
from tenancy.access import services as access
from tenancy.access.enums import SubjectKind
from tenancy.identity import keys
from tenancy.identity import services as identity
from tenancy.organizations import services as organizations

NUMBER_OF_APPLICATIONS = 1_000
ROLES = ("agent", "admin", "auditor")


def _is_still_there(kept: dict[str, Any]) -> bool:
    try:
        keys.authenticate_key(kept["keys"]["admin"])
    except (errors.DosError, KeyError):
        return False
    return True


def prepare(*, folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the demo's organization, keys and sign-in; make them where they are missing."""
    path = folder / "demo.json"
    if path.exists():
        kept: dict[str, Any] = json.loads(path.read_text())
        if _is_still_there(kept):
            say(f"organization {kept['organization']['slug']}: already there")
            return kept
    made = _create(say)
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(made, file, indent=2)
    draft.rename(path)
    return made


def _create(say: Callable[[str], None]) -> dict[str, Any]:
    suffix = secrets.token_hex(2)
    organization = organizations.create_organization(slug=f"demo-{suffix}", name="Demo Lending")
    email, password = f"admin-{suffix}@demo.example", secrets.token_urlsafe(12)
    user = identity.create_user(
        email=email, password=password, name="Demo Admin", is_staff=True, is_superuser=True
    )
    issued: dict[str, str] = {}
    with scope.tenant_scope(organization.id):
        identity.add_member(user=user)
        access.grant(subject_kind=SubjectKind.USER, subject_id=user.id, role="owner", granted_by="setup")
        for role in ROLES:
            issued[role] = keys.issue_key(name=f"demo {role}", role=role)[1]
        _decide(say)
    sealing.seal_all()
    say(f"organization {organization.slug}: created, its first decisions are sealed")
    return {
        "organization": {"id": str(organization.id), "slug": organization.slug, "name": organization.name},
        "keys": issued,
        "admin": {"email": email, "password": password},
    }


def _decide(say: Callable[[str], None]) -> None:
    began = time.perf_counter()
    classes = applications.load_demo(NUMBER_OF_APPLICATIONS, now=clock.now())
    seconds = time.perf_counter() - began
    shares = ", ".join(f"{count} {name}" for name, count in sorted(classes.items()))
    say(f"{sum(classes.values())} applications decided in {seconds:.1f} s: {shares}")
