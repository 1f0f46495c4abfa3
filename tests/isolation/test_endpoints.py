"""Every endpoint, every verb, two organizations: what one can reach of the other, and without a key.

The sweep is made from the OpenAPI document; a route, a parameter or a body that the recipes do not know fails
it. ``tests/api/test_document.py`` proves that the document names every route that is served.
"""

from __future__ import annotations

import base64
import uuid
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connections

from decisionos.kernel import clock
from decisionos.kernel.tenants import scope
from decisionos.kernel.web import problems
from tenancy.identity import keys, tokens
from tests.api.document import Operation, document, operations
from tests.isolation import recipes, world
from tests.isolation.world import House

pytestmark = [
    pytest.mark.xdist_group("endpoints"),
    pytest.mark.requirement("F-M1"),
    pytest.mark.requirement("F-D35"),
]
ALL = operations()
CLOSED = [operation for operation in ALL if not operation.is_public]
NAMING = [operation for operation in ALL if operation.parameters("path")]
each = pytest.mark.parametrize("operation", ALL, ids=str)
each_closed = pytest.mark.parametrize("operation", CLOSED, ids=str)


def _refused(answer: Any, status: int) -> None:
    assert (answer.status_code, answer["Content-Type"]) == (status, problems.CONTENT_TYPE), answer.content
    assert answer.json()["status"] == status


def _silent(answer: Any, house: House, said: str = "") -> None:
    """Check that an answer says nothing of an organization beyond what the caller said."""
    text = world.content(answer).decode(errors="replace")
    assert [mark for mark in house.marks() if mark in text and mark not in said] == []
    for name, value in answer.items():
        assert [mark for mark in house.marks() if mark in value and mark not in said] == [], name


def _fields(operation: Operation) -> set[str]:
    """Return the fields of a body that hold an id."""
    found = set()
    for described in operation.described.get("requestBody", {}).get("content", {}).values():
        name = described["schema"].get("$ref", "").rpartition("/")[2]
        shape = document()["components"]["schemas"].get(name, {})
        found |= {key for key, field in shape.get("properties", {}).items() if field.get("format") == "uuid"}
    return found


class TestRecipes:
    """What the sweep stands on."""

    def test_both_organizations_have_rows_of_every_kind(self, houses: list[House]) -> None:
        counts = world.counts(*houses)
        # Deliveries are made by the relay, tiles past many entries, drafts and counters by later use.
        wanted = [
            *("tenancy_organizations_project", "tenancy_organizations_tenantconfigversion"),
            *("tenancy_identity_apikey", "tenancy_identity_membership", "tenancy_access_rolegrant"),
            *("tenancy_privacy_consent", "policy_rules_rulesetversion", "policy_packs_packversion"),
            *("policy_decisions_contractversion", "policy_decisions_decision", "policy_decisions_backtest"),
            *("kernel_ledger_entry", "kernel_ledger_seal", "kernel_ledger_checkpoint"),
            *("kernel_events_event", "kernel_idempotency_record"),
        ]
        empty = [key for key, count in counts.items() if key[1] in wanted and not count]
        assert (empty, set(wanted) - {table for _, table in counts}) == ([], set())

    @each
    def test_know_how_every_operation_is_asked(self, operation: Operation, houses: list[House]) -> None:
        recipes.path(operation, houses[0])
        recipes.body(operation, houses[0])
        recipes.queries(operation, houses[0])
        named = {field for verb, field in recipes.NAMED_IN_BODY if verb == str(operation)}
        free = {field for verb, field in recipes.FREE_IN_BODY if verb == str(operation)}
        assert _fields(operation) <= named | free, "say what an id in this body names"


@each_closed
class TestWithoutKey:
    """Nobody enters unknown."""

    def test_is_refused(self, operation: Operation, houses: list[House]) -> None:
        victim = houses[0]
        before = world.counts(*houses)
        asked = recipes.body(operation, victim)
        answer = world.call(operation.verb, recipes.path(operation, victim), **asked)
        _refused(answer, 401)
        assert answer["WWW-Authenticate"].startswith("Bearer")
        _silent(answer, victim)
        assert world.counts(*houses) == before

    def test_is_refused_with_a_bad_one(self, operation: Operation, houses: list[House]) -> None:
        victim = houses[0]
        good = victim.keys["owner"]
        before = world.counts(*houses)
        place, asked = recipes.path(operation, victim), recipes.body(operation, victim)
        for key in ("x", "dos_", "dos_aaaaaaaa_" + "b" * 43, good[:-2] + "~~", good[:13] + "c" * 43):
            answer = world.call(operation.verb, place, key=key, **asked)
            _refused(answer, 401)
            _silent(answer, victim)
        for scheme in (f"Bearer {good[:-2]}~~", "Bearer a.b.c", "Basic x", f"Bearer {good}x"):
            _refused(world.call(operation.verb, place, Authorization=scheme, **asked), 401)
        assert world.counts(*houses) == before

    def test_answers_no_question_about_itself(self, operation: Operation, houses: list[House]) -> None:
        _refused(world.call("OPTIONS", recipes.path(operation, houses[0])), 404)


class TestEndedKeys:
    """Keys that were good."""

    @each_closed
    def test_open_nothing(self, operation: Operation, houses: list[House], ended: list[str]) -> None:
        place, asked = recipes.path(operation, houses[0]), recipes.body(operation, houses[0])
        for key in ended:
            _refused(world.call(operation.verb, place, key=key, **asked), 401)


@pytest.fixture(scope="module")
def ended(houses: list[House]) -> list[str]:
    """A key that was revoked, and one that has expired."""
    house = houses[0]
    with scope.tenant_scope(house.tenant):
        row, revoked = keys.issue_key(name="revoked", role="owner")
        keys.revoke_key(key_id=row.id, now=clock.now())
        late, expired = keys.issue_key(name="expired", role="owner")
        type(late).objects.filter(id=late.id).update(expires_at=clock.now())
    keys.forget()
    return [revoked, expired]


class TestOtherOrganization:
    """The owner of one organization, with the ids and names of another."""

    @pytest.mark.parametrize("operation", NAMING, ids=str)
    def test_finds_nothing_and_changes_nothing(self, operation: Operation, houses: list[House]) -> None:
        victim, stranger = houses
        before = world.counts(victim)
        place = recipes.path(operation, victim)
        asked = recipes.body(operation, victim)
        with world.rehearsed():
            answer = stranger.call("owner", operation.verb, place, **asked)
        if str(operation) in recipes.TAKES_NAME:
            assert answer.status_code in {200, 201, 204}, answer.content
        elif str(operation) in recipes.FINDS_OWN:
            assert (answer.status_code, answer.json()["results"]) == (200, [])
        else:
            _refused(answer, 404)
        _silent(answer, victim, said=f"{place} {asked}")
        assert world.counts(victim) == before

    @pytest.mark.parametrize(
        ("verb", "field"), [pytest.param(*key, id=" ".join(key)) for key in recipes.NAMED_IN_BODY]
    )
    def test_finds_nothing_that_a_body_names(self, verb: str, field: str, houses: list[House]) -> None:
        victim, stranger = houses
        operation = next(found for found in ALL if str(found) == verb)
        before = world.counts(victim)
        made = recipes.BODIES[verb](stranger) | recipes.NAMED_IN_BODY[verb, field](victim)
        answer = stranger.call("owner", operation.verb, recipes.path(operation, stranger), body=made)
        _refused(answer, 404)
        _silent(answer, victim, said=str(made))
        assert world.counts(victim) == before

    @pytest.mark.parametrize("operation", [found for found in ALL if found.verb == "GET"], ids=str)
    def test_finds_nothing_by_its_filters(self, operation: Operation, houses: list[House]) -> None:
        victim, stranger = houses
        asked = recipes.queries(operation, victim)
        rows = {"cursor": base64.b64encode(f"p={victim.has['decision']}".encode()).decode()}
        plain = {name: value for name, value in asked.items() if value not in victim.has.values()}
        for query in (asked, plain, {**plain, **rows}):
            answer = stranger.call("owner", "GET", recipes.path(operation, stranger, **query))
            assert answer.status_code in {200, 404, 409, 422}, answer.content
            _silent(answer, victim, said=urlencode(query))

    @pytest.mark.parametrize("operation", [found for found in ALL if found.verb == "GET"], ids=str)
    def test_sees_its_own(self, operation: Operation, houses: list[House]) -> None:
        for house in houses:
            place = recipes.path(operation, house, **recipes.queries(operation, house))
            answer = house.call("owner", "GET", place)
            # An evaluation without a baseline has no list of what flips.
            assert answer.status_code == (409 if operation.name == "backtests_download" else 200)


@each_closed
class TestNamedOrganization:
    """A key that names an organization which is not its own."""

    def test_is_refused_by_header(self, operation: Operation, houses: list[House]) -> None:
        victim, stranger = houses
        before = world.counts(victim)
        place, asked = recipes.path(operation, stranger), recipes.body(operation, stranger)
        for named in (victim.slug, str(victim.tenant)):
            answer = stranger.call("owner", operation.verb, place, X_Tenant_ID=named, **asked)
            _refused(answer, 403)
            assert answer.json()["code"] == "tenant_mismatch"
            _silent(answer, victim)
        assert world.counts(victim) == before

    def test_is_refused_by_path(self, operation: Operation, houses: list[House]) -> None:
        victim, stranger = houses
        before = world.counts(victim)
        for prefix in ("/t", "/api/v1/t"):
            place = f"{prefix}/{victim.slug}/{recipes.path(operation, victim)}"
            answer = stranger.call("owner", operation.verb, place, **recipes.body(operation, victim))
            _refused(answer, 403)
            assert answer.json()["code"] == "tenant_mismatch"
            _silent(answer, victim, said=place)
        assert world.counts(victim) == before

    def test_is_refused_with_a_token_as_with_a_key(
        self, operation: Operation, houses: list[House], token: str
    ) -> None:
        victim, stranger = houses
        sent = {"Authorization": f"Bearer {token}", "X-Tenant-ID": victim.slug}
        place, asked = recipes.path(operation, stranger), recipes.body(operation, stranger)
        _refused(world.call(operation.verb, place, **sent, **asked), 403)


@pytest.fixture(scope="module")
def token(houses: list[House]) -> str:
    """A bearer token of the stranger's owner."""
    known = keys.authenticate_key(houses[1].keys["owner"])
    return tokens.issue_token(known, now=clock.now())


class TestPlatform:
    """The connection that the counts are taken from."""

    def test_sees_both_organizations_at_once(self, houses: list[House]) -> None:
        with connections["platform"].cursor() as cursor:
            cursor.execute("SELECT DISTINCT tenant_id FROM policy_decisions_decision")
            assert {uuid.UUID(str(row[0])) for row in cursor.fetchall()} == {house.tenant for house in houses}
