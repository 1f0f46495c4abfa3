"""What every door of the rules' API does with a request: who asks, what is meant, what is answered."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request

from decisionos.kernel import errors
from policy.rules import rulesets, selectors, serializers, uses
from tenancy.access import services as access


def subject_of(request: Request) -> access.Subject:
    """Return who asks; raises Unauthenticated."""
    if not isinstance(request.auth, access.Subject):
        raise errors.Unauthenticated()
    return request.auth


def given(request: Request, kind: type[serializers.Base]) -> dict[str, Any]:
    """Return the checked body; the text of rules is under `text`."""
    serializer = kind(data=request.data)
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = serializer.validated_data
    return data


def named(name: str) -> str:
    """Return a ruleset's name; raises RulesetNotFound for what cannot be one."""
    if not rulesets.NAME.match(name):
        raise selectors.RulesetNotFound("There is no such ruleset.")
    return name


def asked(request: Request, name: str, *, most: int = 63, required: bool = True) -> str:
    """Return a parameter of the address; raises Invalid for what is absent or cannot be a name."""
    value = request.query_params.get(name, "")
    if required and not value:
        absent = {"pointer": f"/{name}", "message": "is required"}
        raise errors.Invalid("A parameter is missing.", errors=[absent])
    if len(value) > most or not value.isprintable():
        problem = {"pointer": f"/{name}", "message": f"must be printable text of at most {most} characters"}
        raise errors.Invalid("A parameter is not acceptable.", errors=[problem])
    return value


def in_force_json(facts: uses.ContractFacts) -> dict[str, Any]:
    """Return a contract as an activation answers it."""
    return {
        "contract": facts.name,
        "version": facts.version,
        "previous": facts.previous,
        "state": facts.state,
        "rulesets": [{"name": name, "version": version} for name, version in facts.rulesets],
        "activated_at": facts.activated_at.isoformat() if facts.activated_at else None,
    }


def in_force_of(ruleset: str) -> list[dict[str, str]]:
    """Return where which version of a ruleset is in force."""
    return [
        {"contract": item.name, "contract_version": item.version, "version": item.version_of(ruleset)}
        for item in uses.in_force(ruleset)
    ]


def version_of(version: str) -> str:
    """Return a version's name; raises RulesetNotFound for what cannot be one."""
    if len(version) > 40 or not version.isprintable():
        raise selectors.RulesetNotFound("There is no such version.")
    return version
