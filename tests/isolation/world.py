"""Two organizations that have everything: rows of every kind, made by the services that make them in life.

The rows are committed, as in life, so that the platform's connection sees what the application's may not.
"""

from __future__ import annotations

import functools
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import yaml
from django.db import connections, transaction
from django.http import HttpResponse
from django.test import Client

from decisionos.kernel import clock
from decisionos.kernel.ledger import sealing
from decisionos.kernel.tenants import isolation, scope
from policy.decisions import demo, pipeline, services, web
from policy.decisions.backtests import services as evaluations
from policy.decisions.contracts import cache
from policy.decisions.contracts import services as contracts
from policy.decisions.models import Backtest, ContractVersion
from policy.packs import format
from policy.packs import services as packs
from policy.rules import drafts
from policy.rules import services as rules
from tenancy.access import objects, registry
from tenancy.access import services as access
from tenancy.identity import keys
from tenancy.identity import services as identity
from tenancy.identity.enums import KeyKind
from tenancy.identity.models import ApiKey
from tenancy.organizations import configuration
from tenancy.organizations import services as organizations
from tenancy.organizations.models import Project
from tenancy.privacy import services as privacy
from tests.policy.lending import APPROVED, FOLDER, REVIEWED

ROLES = tuple(registry.ROLES)
NOBODY = str(uuid.UUID(int=9))
PURPOSE = "credit_decision"


@dataclass
class House:
    """An organization, a key of each role, and the names and ids of what it has."""

    slug: str
    tenant: uuid.UUID
    keys: dict[str, str] = field(default_factory=dict)
    has: dict[str, str] = field(default_factory=dict)
    archive: bytes = b""

    def call(self, role: str, verb: str, place: str, **more: Any) -> HttpResponse:
        """Call the API with the key of a role."""
        return call(verb, place, key=self.keys[role], **more)

    def marks(self) -> list[str]:
        """Return every text that says something of this organization: names, and the id of every row."""
        found = {self.slug, str(self.tenant), *self.has.values()} - {"lending", "1.0.0", "0.1.0"}
        with connections["platform"].cursor() as cursor:
            for table, column in TABLES.items():
                cursor.execute(f'SELECT id::text FROM "{table}" WHERE "{column}" = %s', [self.tenant])
                found |= {identifier for (identifier,) in cursor.fetchall()}
        return sorted(found)


TABLES = {
    model._meta.db_table: next(
        constraint.column
        for constraint in model._meta.constraints
        if isinstance(constraint, isolation.RowSecurity)
    )
    for model in isolation.tenant_models()
    if any(each.name == "id" for each in model._meta.get_fields())
}


class Undone(Exception):
    """Ends a rehearsal."""


@contextmanager
def rehearsed() -> Iterator[None]:
    """Undo whatever is done inside."""
    with suppress(Undone), transaction.atomic():
        yield
        raise Undone


@functools.cache
def _client() -> Client:
    """Return one client for all calls: each new one loads every layer, and every static file, again."""
    return Client(raise_request_exception=False)


def call(
    verb: str, place: str, *, key: str = "", body: Any = None, kind: str = "application/json", **headers: str
) -> HttpResponse:
    """Call ``place`` under the API's root, or where it says when it begins with a slash."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if key:
        sent["X-Api-Key"] = key
    data = body if isinstance(body, bytes | str) else json.dumps(body) if body is not None else ""
    address = place if place.startswith("/") else f"/api/v1/{place}"
    more = {"content_type": kind} if body is not None else {"content_type": ""}
    answer: HttpResponse = _client().generic(verb, address, data, headers=sent, **more)
    assert not answer.cookies, "no door of the API leaves a cookie"
    return answer


def content(answer: Any) -> bytes:
    """Return what an answer says, a stream included."""
    return b"".join(answer.streaming_content) if answer.streaming else bytes(answer.content)


def counts(*houses: House) -> dict[tuple[str, str], int]:
    """Return how many rows each organization has in each table, as the platform sees it."""
    asked = " UNION ALL ".join(
        f'SELECT \'{table}\', count(*) FROM "{table}" WHERE "{column}" = %(tenant)s'
        for table, column in TABLES.items()
    )
    found = {}
    with connections["platform"].cursor() as cursor:
        for house in houses:
            cursor.execute(asked, {"tenant": house.tenant})
            found |= {(house.slug, table): int(count) for table, count in cursor.fetchall()}
    return found


def forget() -> None:
    """Drop what the process remembers."""
    keys.forget()
    configuration.forget()
    cache.clear()
    web.forget()


def _people(house: House) -> None:
    user = identity.create_user(
        email=f"person@{house.slug}.example", password="a long passphrase", name=f"Person of {house.slug}"
    )
    with scope.tenant_scope(house.tenant):
        identity.add_member(user=user)
        granted = access.grant(subject_kind="user", subject_id=user.id, role="auditor", granted_by="setup")
        for role in ROLES:
            row, house.keys[role] = keys.issue_key(name=f"{role} of {house.slug}", role=role)
        token, _ = keys.issue_key(
            name=f"token of {house.slug}", role="owner", kind=KeyKind.PERSONAL, scopes=["policy.read"]
        )
        project = Project.objects.get(slug="default")
        alone = objects.grant_object(
            user_id=user.id, kind="project", key=str(project.id), permission="project.manage"
        )
    house.has |= {
        "object_grant": str(alone.id),
        "user": str(user.id),
        "email": user.email,
        "grant": str(granted.id),
        "key": str(row.id),
        "token": str(token.id),
        "project": str(project.id),
    }


def config(slug: str, retries: int = 1) -> dict[str, Any]:
    """Return an acceptable configuration."""
    return {
        "tenant_id": slug,
        "name": f"House of {slug}",
        "rbac_map": {},
        "budgets": {"max_cost_usd": 0.02, "hard_timeout_ms": 1500, "retries": retries},
    }


def named_pack(name: str) -> dict[str, bytes]:
    """Return the lending pack under another name, signed."""
    files = format.read_folder(FOLDER)
    described = {**yaml.safe_load(files["pack.yaml"]), "name": name}
    plain = {path: data for path, data in files.items() if path not in {format.MANIFEST, format.SIGNATURE}}
    return packs.sign_files({**plain, "pack.yaml": yaml.safe_dump(described).encode()})


def _policies(house: House) -> None:
    pack, contract = f"{house.slug}_pack", f"{house.slug}_contract"
    now = clock.now()
    with scope.tenant_scope(house.tenant):
        for files in (demo.bundled_pack(), named_pack(pack)):
            row = packs.import_pack(files=files, actor="setup", now=now)
            packs.activate_pack(name=row.name, version=row.version, actor="setup", now=now)
        shared = contracts.selectors.document_of(ContractVersion.objects.get(name="lending")).as_json()
        for version in ("1.0.0", "1.1.0"):
            value = contracts.document.parse({**shared, "name": contract, "version": version})
            contracts.save_contract(value=value, actor="setup")
            contracts.activate_contract(name=contract, version=version, actor="setup", now=now)
    house.has |= {"pack": pack, "contract": contract}
    house.archive = format.write_archive(named_pack("taken"))


RULES = """\
name: {name}
description: One rule.
rules:
  - name: approve_all
    when: credit_score >= 300
    priority: {priority}
    action: {{class: approve, reasons: [score_is_given], confidence: 0.5}}
"""


def _rules(house: House) -> None:
    name = f"{house.slug}_rules"
    for version, priority in (("1.0.0", 10), ("1.1.0", 20)):
        with scope.tenant_scope(house.tenant):
            rules.save_version(
                name=name,
                source=RULES.format(name=name, priority=priority),
                contract="",
                version=version,
                base_version=None,
                note="",
                actor="setup",
            )
    with scope.tenant_scope(house.tenant):
        owner = ApiKey.objects.get(name=f"owner of {house.slug}")
        draft = drafts.save_draft(
            contract=house.has["contract"],
            ruleset=name,
            author=f"key:{owner.id}",
            text=RULES.format(name=name, priority=30),
            base_version="1.1.0",
            revision=0,
            now=clock.now(),
        )
    house.has |= {"ruleset": name, "draft": str(draft.id)}


def _decisions(house: House) -> None:
    person = f"person-{house.slug}"
    with scope.tenant_scope(house.tenant):
        consent = privacy.grant_consent(subject=person, purpose=PURPOSE, evidence=f"signed at {house.slug}")
    caller, now = pipeline.Caller(house.tenant, "key:setup", ""), clock.now()
    for given in (APPROVED, REVIEWED):
        asked = pipeline.read_request({"input": given, "subject": person, "purpose": PURPOSE})
        made = services.decide(contract="lending", asked=asked, caller=caller, now=now)
    with scope.tenant_scope(house.tenant):
        backtest = Backtest.objects.create(
            contract="lending", version="1.0.0", source="history", label_key="label"
        )
    evaluations.run_backtest(tenant_id=house.tenant, backtest_id=backtest.id, now=now)
    house.has |= {
        "person": person,
        "consent": str(consent.id),
        "decision": str(made["decision_id"]),
        "entry": str(made["ledger"]["entry_id"]),
        "backtest": str(backtest.id),
    }


def build(slug: str) -> House:
    """Make an organization that has rows of every kind."""
    house = House(slug, organizations.create_organization(slug=slug, name=f"House of {slug}").id)
    _people(house)
    with scope.tenant_scope(house.tenant):
        for retries in (1, 2):
            source = yaml.safe_dump(config(slug, retries))
            configuration.reload(source=source, author="setup", now=clock.now())
    _policies(house)
    _rules(house)
    _decisions(house)
    sealing.seal_pending(house.tenant)
    made = house.call(
        "owner",
        "POST",
        f"orgs/{house.tenant}/projects",
        body={"name": f"Second of {slug}"},
        Idempotency_Key=f"kept-{slug}",
    )
    assert made.status_code == 201, made.content
    return house


@contextmanager
def standing(blocker: Any, empty: Any, *slugs: str) -> Iterator[list[House]]:
    """Build organizations for a whole module of tests, and leave nothing behind."""
    with blocker.unblock():
        empty()
        forget()
        try:
            yield [build(slug) for slug in slugs]
        finally:
            empty()
            forget()
