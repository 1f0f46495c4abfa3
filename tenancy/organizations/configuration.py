"""Tenant configuration (tenant.yaml) as validated versions: save, activate, compare, roll back.

What must stay true: content that fails validation never replaces what is in force.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
import uuid
from datetime import datetime
from typing import Any

import jsonschema_rs
import yaml
from django.db import transaction
from django.db.models import Max

from decisionos.kernel import clock, errors
from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.tenants import scope
from tenancy.organizations.enums import ConfigState
from tenancy.organizations.models import Organization, TenantConfigVersion

MOST_BYTES = 200_000
REMEMBERED_SECONDS = 3.0
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["tenant_id", "name"],
    "additionalProperties": False,
    "properties": {
        "tenant_id": {"type": "string", "pattern": "^[a-z][a-z0-9-]{1,62}$"},
        "name": {"type": "string", "minLength": 1, "maxLength": 200},
        "status": {"enum": ["active", "suspended"]},
        "ip_allowlist": {"type": "array", "maxItems": 500, "items": {"type": "string"}},
        "rbac_map": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "connectors": {"type": "object"},
        "budgets": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "max_cost_usd": {"type": "number", "minimum": 0},
                "per_call_usd": {"type": "number", "minimum": 0},
                "monthly_usd": {"type": "number", "minimum": 0},
                "hard_timeout_ms": {"type": "integer", "minimum": 1, "maximum": 600000},
                "retries": {"type": "integer", "minimum": 0, "maximum": 10},
                "region": {"type": "string"},
            },
        },
        "limits": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "max_qps": {"type": "integer", "minimum": 1},
                "max_storage_gb": {"type": "number", "minimum": 0},
                "max_users": {"type": "integer", "minimum": 1},
            },
        },
        "clock_skew_ms": {"type": "integer", "minimum": 0},
        "slo": {"type": "object"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "billing": {"type": "object"},
        "contacts": {"type": "array", "items": {"type": "object"}},
        "metadata": {"type": "object"},
        "secrets_path": {"type": "string"},
        "secrets_ref": {"type": "string"},
    },
}
_validator = jsonschema_rs.validator_for(SCHEMA)


class ConfigInvalid(errors.Invalid):
    """The configuration is not acceptable; what is in force stays."""

    code = "config_invalid"
    title = "The configuration is not acceptable"


class ConfigNotFound(errors.NotFound):
    """There is no such version."""

    code = "config_not_found"
    title = "No such configuration version"


def parse(source: str) -> Any:
    """Return the content of a YAML text; raises ConfigInvalid."""
    if len(source.encode()) > MOST_BYTES:
        raise ConfigInvalid(f"A configuration has at most {MOST_BYTES} bytes.")
    try:
        return yaml.safe_load(source)
    except yaml.YAMLError as error:
        raise ConfigInvalid(
            "The text is not YAML.", errors=[{"pointer": "", "message": str(error).replace("\n", " ")}]
        ) from error


def find_problems(
    content: Any, *, slug: str, permissions: frozenset[str] | None = None
) -> list[dict[str, str]]:
    """Return what is wrong with a configuration, each fault with its JSON pointer."""
    problems = [
        {"pointer": "".join(f"/{part}" for part in error.instance_path), "message": error.message}
        for error in _validator.iter_errors(content)
    ]
    if not isinstance(content, dict):
        return problems
    if not problems and content["tenant_id"] != slug:
        problems.append({"pointer": "/tenant_id", "message": f"this organization is {slug!r}"})
    for index, entry in enumerate(content.get("ip_allowlist") or []):
        try:
            ipaddress.ip_network(entry, strict=False)
        except ValueError:
            problems.append(
                {"pointer": f"/ip_allowlist/{index}", "message": f"{entry!r} is no address or network"}
            )
    return problems


def _organization() -> Organization:
    return Organization.objects.get(id=scope.require())


def validate(source: str) -> Any:
    """Return the content when it is acceptable; raises ConfigInvalid naming each fault."""
    content = parse(source)
    problems = find_problems(content, slug=_organization().slug)
    if problems:
        raise ConfigInvalid("Some settings are not acceptable.", errors=problems)
    return content


def reload(*, source: str, author: str = "", now: datetime | None = None) -> TenantConfigVersion:
    """Validate a configuration and put it in force as a new version.

    Raises ConfigInvalid, and then the version in force stays. The same content again changes nothing.
    """
    content = validate(source)
    digest = hashlib.sha256(source.encode()).hexdigest()
    # One writer at a time for each organization, so that version numbers have no gaps or twins.
    Organization.objects.select_for_update().get(id=scope.require())
    active = find_active()
    if active is not None and active.digest == digest:
        return active
    number = (TenantConfigVersion.objects.aggregate(most=Max("number"))["most"] or 0) + 1
    version = TenantConfigVersion.objects.create(
        number=number,
        source=source,
        content=content,
        digest=digest,
        state=ConfigState.VALIDATED,
        author=author,
    )
    return _activate(version, author=author, now=now or clock.now())


def _activate(version: TenantConfigVersion, *, author: str, now: datetime) -> TenantConfigVersion:
    with transaction.atomic():
        TenantConfigVersion.objects.filter(state=ConfigState.ACTIVE).update(state=ConfigState.SUPERSEDED)
        version.state = ConfigState.ACTIVE
        version.applied_at = now
        version.save(update_fields=["state", "applied_at"])
        ledger.append(
            kind="organization.config_applied",
            payload={"number": version.number, "digest": version.digest},
            subject_type="tenant_config",
            subject_id=str(version.id),
        )
    forget()
    return version


def rollback(
    *, number: int | None = None, author: str = "", now: datetime | None = None
) -> TenantConfigVersion:
    """Put an earlier version in force again, by default the one before; raises ConfigNotFound."""
    Organization.objects.select_for_update().get(id=scope.require())
    active = find_active()
    versions = TenantConfigVersion.objects.filter(state=ConfigState.SUPERSEDED)
    if number is not None:
        target = versions.filter(number=number).first()
    else:
        target = versions.order_by("-applied_at", "-number").first() if active else None
    if target is None:
        raise ConfigNotFound("There is no earlier version to return to.")
    return _activate(target, author=author, now=now or clock.now())


def find_active() -> TenantConfigVersion | None:
    """Return the version in force, or None."""
    return TenantConfigVersion.objects.filter(state=ConfigState.ACTIVE).first()


def difference(old: Any, new: Any, pointer: str = "") -> list[dict[str, Any]]:
    """Return what differs between two contents: added, removed, changed, each by JSON pointer."""
    if isinstance(old, dict) and isinstance(new, dict):
        found: list[dict[str, Any]] = []
        for key in sorted(set(old) | set(new), key=str):
            path = f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
            if key not in old:
                found.append({"pointer": path, "change": "added", "new": new[key]})
            elif key not in new:
                found.append({"pointer": path, "change": "removed", "old": old[key]})
            else:
                found += difference(old[key], new[key], path)
        return found
    return [] if old == new else [{"pointer": pointer, "change": "changed", "old": old, "new": new}]


_networks: dict[uuid.UUID, tuple[float, tuple[Network, ...]]] = {}


def forget() -> None:
    """Drop the remembered lists of addresses."""
    _networks.clear()


def allowed_networks(tenant_id: uuid.UUID) -> tuple[Network, ...]:
    """Return the networks that may call; empty means everybody. Remembered for a few seconds."""
    entry = _networks.get(tenant_id)
    if entry is None or time.monotonic() - entry[0] > REMEMBERED_SECONDS:
        with scope.tenant_scope(tenant_id):
            active = find_active()
        listed = (active.content.get("ip_allowlist") or []) if active else []
        entry = (time.monotonic(), tuple(ipaddress.ip_network(text, strict=False) for text in listed))
        _networks[tenant_id] = entry
    return entry[1]
