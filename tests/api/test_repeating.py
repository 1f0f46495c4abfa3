"""Idempotency-Key, on every write."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connections

from decisionos.kernel.tenants import scope
from tenancy.identity import keys
from tenancy.identity import services as identity
from tenancy.identity.enums import KeyKind
from tests.api.document import Operation, operations
from tests.isolation import recipes, world
from tests.isolation.world import House

pytestmark = [
    pytest.mark.xdist_group("repeating"),
    pytest.mark.filterwarnings("ignore:EdDSA is deprecated"),
]
WRITES = [operation for operation in operations() if operation.verb != "GET"]
# Writes that keep nothing: a kept answer would be the only copy of a secret.
KEPT_NOWHERE = {"auth_token"}


def headers(operation: Operation) -> set[str]:
    """Return the headers that an operation is described with."""
    return {parameter["name"] for parameter in operation.parameters("header")}


def ask(house: House, operation: Operation, role: str = "owner", **headers: str) -> Any:
    """Ask an operation as it is meant to be asked."""
    place = recipes.path(operation, house)
    answer = house.call(role, operation.verb, place, **recipes.body(operation, house), **headers)
    assert answer.status_code < 500, answer.content
    return answer


class TestDescription:
    """What the document promises."""

    @pytest.mark.parametrize("operation", WRITES, ids=str)
    def test_offers_a_key_on_every_write(self, operation: Operation) -> None:
        assert ("Idempotency-Key" in headers(operation)) == (operation.name not in KEPT_NOWHERE)


@pytest.mark.parametrize("operation", [found for found in WRITES if found.name not in KEPT_NOWHERE], ids=str)
class TestIdempotencyKey:
    """Each write, sent again."""

    def test_has_one_effect_and_one_answer(self, operation: Operation, houses: list[House]) -> None:
        house, key = houses[0], f"{operation.name} once"
        first = ask(house, operation, Idempotency_Key=key)
        said, before = world.content(first), world.counts(*houses)
        again = ask(house, operation, Idempotency_Key=key)
        if first.status_code >= 400:
            # A refusal changes nothing and is not kept: the same request may succeed later.
            assert first.status_code == again.status_code, said
            assert first.status_code in {403, 404, 409}, said
            changed = {key for key, count in world.counts(*houses).items() if count != before[key]}
            assert changed <= {(house.slug, "kernel_ledger_entry")}, "at most the refusal is noted"
            return
        assert again.status_code == first.status_code
        assert world.content(again) == said
        assert world.counts(*houses) == before

    def test_is_refused_for_another_request(self, operation: Operation, houses: list[House]) -> None:
        house, key = houses[1], f"{operation.name} other"
        if ask(house, operation, Idempotency_Key=key).status_code >= 400:
            return
        before = world.counts(*houses)
        if operation.name == "decide_batch":
            # Each line of a batch has a key of its own, and is refused on its own.
            return
        if operation.bodies:
            place = recipes.path(operation, house)
            other = house.call("owner", operation.verb, place, body={"other": 1}, Idempotency_Key=key)
            assert other.status_code in {409, 415, 422}, other.content
        stranger = ask(house, operation, role="admin", Idempotency_Key=key)
        assert stranger.status_code in {403, 409} or operation.name == "decide", stranger.content
        changed = {table for table, count in world.counts(*houses).items() if count != before[table]}
        assert changed <= {(house.slug, "kernel_ledger_entry")}, "at most a refusal is noted"


class TestKeptAnswer:
    """What is kept of an answer."""

    def test_holds_a_secret_only_sealed(self, houses: list[House]) -> None:
        house = houses[0]
        body = {"name": "kept", "role": "read_only"}
        first = house.call("owner", "POST", "keys", body=body, Idempotency_Key="secret")
        again = house.call("owner", "POST", "keys", body=body, Idempotency_Key="secret")
        assert again.json() == first.json()
        assert (again["Idempotent-Replayed"], again["Cache-Control"]) == ("true", "no-store")
        with connections["platform"].cursor() as cursor:
            cursor.execute("SELECT body::text FROM kernel_idempotency_record WHERE key = 'secret'")
            (kept,) = cursor.fetchone()
        assert first.json()["key"] not in kept
        assert list(json.loads(kept)) == ["sealed"]

    def test_is_not_given_to_another(self, houses: list[House]) -> None:
        house = houses[0]
        body = {"name": "mine", "role": "read_only"}
        assert house.call("owner", "POST", "keys", body=body, Idempotency_Key="mine").status_code == 201
        other = house.call("admin", "POST", "keys", body=body, Idempotency_Key="mine")
        assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")

    def test_is_the_same_for_a_form_sent_with_another_boundary(self, houses: list[House]) -> None:
        data, kind = recipes.BODIES["POST packs/verify"](houses[0])
        answers = [
            houses[0].call(
                "owner",
                "POST",
                "packs/verify",
                body=data.replace(b"BoUnDaRyStRiNg", boundary),
                kind=kind.replace("BoUnDaRyStRiNg", boundary.decode()),
                Idempotency_Key="form",
            )
            for boundary in (b"one", b"two")
        ]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[1]["Idempotent-Replayed"] == "true"

    def test_of_a_new_organization_is_kept_with_whoever_asked(self, houses: list[House]) -> None:
        user = identity.create_user(
            email="staff@platform.example", password="a long passphrase", is_staff=True, is_superuser=True
        )
        with scope.tenant_scope(houses[0].tenant):
            _, key = keys.issue_key(name="staff", role="owner", kind=KeyKind.PERSONAL, user=user)
        asked = {"key": key, "body": {"name": "Made Once"}, "Idempotency_Key": "org"}
        answers = [world.call("POST", "orgs", **asked) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json() == answers[1].json()
