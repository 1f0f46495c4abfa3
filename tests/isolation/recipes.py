"""How each operation of the API is asked: its path, its body, its parameters, filled from one organization.

What must stay true: an operation that nobody has described here fails the sweep, so that a new route is never
left out of it. ``house`` is whose ids and names are taken; the caller may be another's.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import yaml
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from tests.api.document import Operation
from tests.isolation import world
from tests.isolation.world import House
from tests.policy.lending import APPROVED, FOLDER, row

Recipe = Callable[[House], Any]

# Where the same name means different things, the address tells which: the longest beginning counts.
PATHS: dict[tuple[str, str], Recipe] = {
    ("", "organization_id"): lambda house: house.tenant,
    ("", "project_id"): lambda house: house.has["project"],
    ("", "key_id"): lambda house: house.has["key"],
    ("", "backtest_id"): lambda house: house.has["backtest"],
    ("", "first_id"): lambda house: house.has["backtest"],
    ("", "second_id"): lambda house: house.has["backtest"],
    ("backtests/", "kind"): lambda house: "flips",
    ("", "decision_id"): lambda house: house.has["decision"],
    ("", "entry_id"): lambda house: house.has["entry"],
    ("", "contract"): lambda house: house.has["contract"],
    ("consent/", "subject_id"): lambda house: house.has["person"],
    ("contracts/", "name"): lambda house: house.has["contract"],
    ("contracts/", "version"): lambda house: "1.0.0",
    ("packs/", "name"): lambda house: house.has["pack"],
    ("packs/", "version"): lambda house: "0.1.0",
    ("rulesets/", "name"): lambda house: house.has["ruleset"],
    ("rulesets/", "version"): lambda house: "1.1.0",
    ("rules/", "draft_id"): lambda house: house.has["draft"],
}
# What stands in a path where nothing is, for a caller who only wants to know whether the door opens.
NOTHING = {"uuid": world.NOBODY, "string": "nothing"}

QUERIES: dict[tuple[str, str], Recipe] = {
    ("", "contract"): lambda house: house.has["contract"],
    ("", "version"): lambda house: "1.0.0",
    ("", "name"): lambda house: house.has["contract"],
    ("", "subject"): lambda house: house.has["person"],
    ("consent", "subject_id"): lambda house: house.has["person"],
    ("ledger/", "subject_id"): lambda house: house.has["decision"],
    ("rbac/", "subject_id"): lambda house: house.has["user"],
    ("rbac/objects", "user_id"): lambda house: house.has["user"],
    ("", "kind"): lambda house: "decision.made",
    ("", "subject_type"): lambda house: "decision",
    ("", "purpose"): lambda house: world.PURPOSE,
    ("", "class"): lambda house: "approve",
    ("", "reason"): lambda house: "strong_credit_and_low_dti",
    ("decisions", "rule"): lambda house: "reject_low_credit",
    ("decisions", "environment"): lambda house: "prod",
    ("decisions", "actor"): lambda house: f"key:{house.has['key']}",
    ("decisions", "trace"): lambda house: "trace",
    ("decisions", "q"): lambda house: house.has["decision"],
    ("decisions", "confidence_min"): lambda house: 0.5,
    ("decisions", "confidence_max"): lambda house: 1,
    ("decisions", "id"): lambda house: house.has["decision"],
    ("decisions", "ledger"): lambda house: house.has["entry"],
    ("rulesets/", "from"): lambda house: "1.0.0",
    ("rulesets/", "to"): lambda house: "1.1.0",
    ("config/diff", "from"): lambda house: 1,
    ("config/diff", "to"): lambda house: 2,
    ("decisions", "from"): lambda house: "2026-01-01T00:00:00Z",
    ("decisions", "to"): lambda house: "2126-01-01T00:00:00Z",
    ("ledger/export", "since"): lambda house: 1,
    ("ledger/export", "until"): lambda house: None,
    ("", "size"): lambda house: None,
    ("", "as"): lambda house: "html",
    ("", "format"): lambda house: "json",
    ("", "cursor"): lambda house: None,
    ("", "limit"): lambda house: 500,
}


def _multipart(**parts: Any) -> tuple[bytes, str]:
    return encode_multipart(BOUNDARY, parts), MULTIPART_CONTENT


def _pack(house: House) -> tuple[bytes, str]:
    file = io.BytesIO(house.archive)
    file.name = "taken.zip"
    return _multipart(archive=file)


def _contract(house: House) -> dict[str, Any]:
    value = yaml.safe_load((FOLDER / "contracts/lending.yaml").read_text())
    rulesets = [{"name": name, "version": "0.1.0"} for name in ("lending", "lending_guards")]
    return {**value, "name": "made_here", "version": "1.0.0", "rulesets": rulesets}


def _rules(house: House) -> str:
    return world.RULES.format(name=house.has["ruleset"], priority=40)


def _grant(house: House) -> dict[str, Any]:
    return {"subject_kind": "user", "subject_id": world.NOBODY, "role": "read_only"}


def _object_grant(house: House) -> dict[str, Any]:
    return {
        "user_id": house.has["user"],
        "kind": "project",
        "key": house.has["project"],
        "permission": "project.manage",
    }


CELLS = "credit_score\tout: class\tout: reasons\n< 600\treject\tlow\n>= 600\tapprove\tfine\n"
BODIES: dict[str, Recipe] = {
    "POST auth/token": lambda house: {"grant_type": "client_credentials", "client_secret": "dos_aaaaaaaa_b"},
    "POST backtests": lambda house: {"contract": house.has["contract"], "history": True},
    "POST backtests/{backtest_id}/share": lambda house: {"hours": 1},
    "POST config/reload": lambda house: world.config(house.slug, 3),
    "POST config/rollback": lambda house: {"number": 1},
    "POST config/validate": lambda house: world.config(house.slug, 3),
    "POST consent/erase": lambda house: {"subject_id": house.has["person"]},
    "POST consent/grant": lambda house: {"subject_id": house.has["person"], "purpose": "marketing"},
    "POST consent/revoke": lambda house: {"subject_id": house.has["person"]},
    "POST contracts": _contract,
    "POST decide/{contract}": lambda house: {"input": APPROVED},
    "POST decide/{contract}/batch": lambda house: [{"input": APPROVED}],
    "POST keys": lambda house: {"name": "new", "role": "read_only", "scopes": ["policy.read"]},
    "POST orgs": lambda house: {"name": "Made Here"},
    "POST orgs/{organization_id}/projects": lambda house: {"name": "Made Here"},
    "POST packs/import": _pack,
    "POST packs/verify": _pack,
    "POST pat/create": lambda house: {"name": "new", "scopes": ["policy.read"]},
    "POST pat/revoke": lambda house: {"id": house.has["token"]},
    "POST rbac/grant": _grant,
    "POST rbac/objects/grant": _object_grant,
    "POST rbac/objects/revoke": lambda house: {"id": house.has["object_grant"]},
    "POST rbac/revoke": lambda house: {"id": house.has["grant"]},
    "POST rules/coverage": lambda house: {"contract": house.has["contract"]},
    "POST rules/lint": lambda house: {"source": _rules(house), "contract": house.has["contract"]},
    "POST rules/rollback": lambda house: {
        "contract": house.has["contract"],
        "reason": "the way back is tried",
        "confirm": house.has["contract"],
    },
    "POST rules/table": lambda house: {"cells": CELLS, "name": "bands", "contract": house.has["contract"]},
    "POST rules/try": lambda house: {"contract": house.has["contract"], "input": APPROVED},
    "PUT rulesets/{name}/draft": lambda house: {
        "contract": house.has["contract"],
        "text": _rules(house),
        "revision": 1,
    },
    "POST rulesets/{name}/versions": lambda house: {"source": _rules(house), "base_version": "1.1.0"},
    "POST rulesets/{name}/versions/{version}/activate": lambda house: {
        "contract": house.has["contract"],
        "reason": "a version is tried",
        "confirm": house.has["contract"],
    },
    "POST simulate/{contract}": lambda house: {"rows": [row(1)]},
}

# Ids inside a body: what names a thing of another organization finds nothing.
NAMED_IN_BODY: dict[tuple[str, str], Recipe] = {
    ("POST keys", "project_id"): lambda house: {"project_id": house.has["project"]},
    ("POST pat/create", "project"): lambda house: {"project": house.has["project"]},
    ("POST pat/revoke", "id"): lambda house: {"id": house.has["token"]},
    ("POST rbac/revoke", "id"): lambda house: {"id": house.has["grant"]},
    ("POST rbac/objects/revoke", "id"): lambda house: {"id": house.has["object_grant"]},
    ("POST rbac/objects/grant", "user_id"): lambda house: {"user_id": house.has["user"]},
    ("POST rbac/objects/grant", "key"): lambda house: {"key": house.has["project"]},
    ("POST rbac/grant", "scope_id"): lambda house: {
        "scope_kind": "project",
        "scope_id": house.has["project"],
    },
    ("POST backtests", "contract"): lambda house: {"contract": house.has["contract"], "history": True},
    ("POST rules/coverage", "contract"): lambda house: {"contract": house.has["contract"]},
    ("POST rules/lint", "contract"): lambda house: {"contract": house.has["contract"]},
    ("POST rules/table", "contract"): lambda house: {"contract": house.has["contract"]},
    ("POST rules/try", "contract"): lambda house: {"contract": house.has["contract"]},
    ("POST rules/try", "decision_id"): lambda house: {"decision_id": house.has["decision"], "input": None},
    ("POST rules/rollback", "contract"): lambda house: {
        "contract": house.has["contract"],
        "confirm": house.has["contract"],
    },
    ("POST consent/erase", "subject_id"): lambda house: {"subject_id": house.has["person"]},
    ("POST consent/revoke", "subject_id"): lambda house: {"subject_id": house.has["person"]},
}
# An id in a body that need not be one's own: a grant to a stranger opens nothing of the stranger's.
FREE_IN_BODY = {("POST rbac/grant", "subject_id")}

# A person is no row: asking for one whom another organization knows finds one's own rows of that person.
FINDS_OWN = {"GET consent/{subject_id}", "GET rulesets/{name}/versions"}
# A name that anybody may give to a thing of one's own: the other's of that name is neither found nor changed.
TAKES_NAME = {
    "GET rulesets/{name}/drafts",
    "PUT rulesets/{name}/draft",
    "DELETE rulesets/{name}/draft",
    "POST rulesets/{name}/versions",
}


class RecipeMissing(AssertionError):
    """Somebody added a route, a parameter or a body: say in this file how it is asked."""


def _recipe(table: dict[tuple[str, str], Recipe], place: str, name: str) -> Recipe:
    found = [key for key in table if key[1] == name and place.startswith(key[0])]
    if not found:
        raise RecipeMissing(f"{place}: nothing is said of {name!r}")
    return table[max(found, key=lambda key: len(key[0]))]


def path(operation: Operation, house: House, **query: str) -> str:
    """Return the address of an operation with the ids and names of an organization, and what it must have."""
    place = operation.place
    for found in operation.parameters("path"):
        value = _recipe(PATHS, operation.place, found["name"])(house)
        place = place.replace("{" + found["name"] + "}", quote(str(value), safe=""))
    if "{" in place:
        raise RecipeMissing(f"{operation}: the document describes no parameter for {place}")
    asked = {**_required(operation, house), **query}
    return f"{place}?{urlencode(asked)}" if asked else place


def _required(operation: Operation, house: House) -> dict[str, str]:
    wanted = {found["name"] for found in operation.parameters("query") if found.get("required")}
    return {name: value for name, value in queries(operation, house).items() if name in wanted}


def path_to_nothing(operation: Operation) -> str:
    """Return the address of an operation where nothing is."""
    place = operation.place
    for found in operation.parameters("path"):
        name = found["schema"].get("format", "string")
        _recipe(PATHS, operation.place, found["name"])
        place = place.replace("{" + found["name"] + "}", NOTHING[name])
    wanted = [found["name"] for found in operation.parameters("query") if found.get("required")]
    return f"{place}?{urlencode(dict.fromkeys(wanted, 'nothing'))}" if wanted else place


def queries(operation: Operation, house: House) -> dict[str, str]:
    """Return a value of an organization for each parameter of a query."""
    found = {}
    for parameter in operation.parameters("query"):
        value = _recipe(QUERIES, operation.place, parameter["name"])(house)
        if value is not None:
            found[parameter["name"]] = str(value)
    return found


def body(operation: Operation, house: House) -> dict[str, Any]:
    """Return the body of an operation and its media type, as arguments of a call."""
    if not operation.bodies:
        return {"body": {}} if operation.verb in {"POST", "PUT", "PATCH"} else {}
    if str(operation) not in BODIES:
        raise RecipeMissing(f"{operation}: nothing is said of its body")
    made = BODIES[str(operation)](house)
    data, kind = made if isinstance(made, tuple) else (json.dumps(made), operation.bodies[0])
    if not isinstance(made, tuple):
        kind = next((found for found in operation.bodies if found == "application/json"), kind)
    return {"body": data, "kind": kind}
