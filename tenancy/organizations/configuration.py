"""Tenant configuration (tenant.yaml) as validated versions: save, activate, compare, roll back.

What must stay true: content that fails validation never replaces what is in force; what a key means to
another sub-domain (a role, a budget) is judged by that sub-domain, which registers its check here.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jsonschema_rs
import yaml
from django.db import transaction
from django.db.models import Max

from decisionos.kernel import clock, errors
from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.tenants import scope
from tenancy.organizations import services
from tenancy.organizations.enums import ConfigState, OrganizationStatus
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
            "maxProperties": 200,
            "additionalProperties": {"type": "array", "maxItems": 200, "items": {"type": "string"}},
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


Check = Callable[[Any, Any], list[dict[str, str]]]
_checks: list[Check] = []


def check_with(check: Check) -> None:
    """Register a check of a whole configuration: from its content, and who applies it, to its faults.

    It may also raise what refuses the one who applies it. Nobody (None) is the installation itself.
    """
    if check not in _checks:
        _checks.append(check)


def find_problems(content: Any, *, slug: str, by: Any = None) -> list[dict[str, str]]:
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
    if not problems:
        problems = [problem for check in _checks for problem in check(content, by)]
    return problems


def _organization() -> Organization:
    return Organization.objects.get(id=scope.require())


def validate(source: str, *, by: Any = None) -> Any:
    """Return the content when it is acceptable; raises ConfigInvalid naming each fault."""
    content = parse(source)
    problems = find_problems(content, slug=_organization().slug, by=by)
    if problems:
        raise ConfigInvalid("Some settings are not acceptable.", errors=problems)
    return content


def reload(
    *, source: str, author: str = "", now: datetime | None = None, by: Any = None
) -> TenantConfigVersion:
    """Validate a configuration and put it in force as a new version; ``by`` is who asks, where somebody does.

    Raises ConfigInvalid, and then the version in force stays. The same content again changes nothing.
    """
    content = validate(source, by=by)
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
        if "status" in version.content:
            services.set_status(
                status=OrganizationStatus(version.content["status"]),
                reason=f"configuration, version {version.number}",
            )
    forget()
    return version


def rollback(
    *, number: int | None = None, author: str = "", now: datetime | None = None, by: Any = None
) -> TenantConfigVersion:
    """Put an earlier version in force again, by default the one before.

    Raises ConfigNotFound, and ConfigInvalid for one that would not be accepted today.
    """
    Organization.objects.select_for_update().get(id=scope.require())
    active = find_active()
    versions = TenantConfigVersion.objects.filter(state=ConfigState.SUPERSEDED)
    if number is not None:
        target = versions.filter(number=number).first()
    else:
        target = versions.order_by("-applied_at", "-number").first() if active else None
    if target is None:
        raise ConfigNotFound("There is no earlier version to return to.")
    validate(target.source, by=by)
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


@dataclass(frozen=True, slots=True)
class InForce:
    """What every request of an organization is held against."""

    networks: tuple[Network, ...] = ()
    rbac_map: tuple[tuple[str, tuple[str, ...]], ...] = ()


_in_force: dict[uuid.UUID, tuple[float, InForce]] = {}


def forget() -> None:
    """Drop what is remembered of the configurations in force."""
    _in_force.clear()


def in_force(tenant_id: uuid.UUID) -> InForce:
    """Return what an organization's configuration says now. Remembered for a few seconds."""
    entry = _in_force.get(tenant_id)
    if entry is None or time.monotonic() - entry[0] > REMEMBERED_SECONDS:
        with scope.tenant_scope(tenant_id):
            active = find_active()
        content = active.content if active else {}
        listed, roles = content.get("ip_allowlist") or [], content.get("rbac_map") or {}
        found = InForce(
            networks=tuple(ipaddress.ip_network(text, strict=False) for text in listed),
            rbac_map=tuple(sorted((name, tuple(items)) for name, items in roles.items())),
        )
        entry = (time.monotonic(), found)
        _in_force[tenant_id] = entry
    return entry[1]
