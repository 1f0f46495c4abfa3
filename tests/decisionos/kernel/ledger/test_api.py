"""The ledger over HTTP: who sees what, and that an export stands on its own."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from django.test import Client

from decisionos.kernel import ids
from decisionos.kernel.keys import services as signing
from decisionos.kernel.ledger import rules, sealing, verifier
from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.tenants import scope
from tenancy.identity import keys
from tenancy.organizations import services as organizations

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform", "owner"])
BASE = "/api/v1/ledger"


class House(NamedTuple):
    """An organization and a key for each role."""

    tenant: Any
    keys: dict[str, str]

    def get(self, path: str, role: str = "auditor", **query: Any) -> Any:
        return Client().get(BASE + path, query, headers={"X-Api-Key": self.keys[role]})

    def post(self, path: str, role: str = "auditor") -> Any:
        headers = {"X-Api-Key": self.keys[role]}
        return Client().post(BASE + path, b"", content_type="application/json", headers=headers)


def _house(slug: str, entries: int = 3) -> House:
    made = organizations.create_organization(slug=slug, name=slug)
    with scope.tenant_scope(made.id):
        secrets = {
            role: keys.issue_key(name=role, role=role)[1]
            for role in ("admin", "agent", "auditor", "read_only")
        }
        for number in range(entries):
            ledger.append(
                kind="check.noted", payload={"number": number}, subject_type="check", subject_id=str(number)
            )
    return House(made.id, secrets)


@pytest.fixture
def house() -> House:
    keys.forget()
    made = _house("house")
    sealing.seal_pending(made.tenant)
    return made


class TestState:
    def test_shows_how_far_the_chain_is(self, house: House) -> None:
        answer = house.get("").json()
        assert answer["sealed"] == answer["entries"] > 3
        assert answer["unsealed"] == 0
        assert answer["checkpoint"]["size"] == answer["sealed"]

    def test_an_agent_may_not_look(self, house: House) -> None:
        answer = house.get("", role="agent")
        assert answer.status_code == 403
        assert answer.json()["code"] == "permission_denied"

    def test_nobody_looks_without_a_key(self) -> None:
        assert Client().get(BASE).status_code == 401


class TestVerify:
    @pytest.mark.requirement("A-M4")
    def test_a_sound_chain_is_valid(self, house: House) -> None:
        answer = house.post("/verify").json()
        assert answer["valid"] is True
        assert answer["first_broken"] is None
        assert answer["entries"] > 3


class TestEntries:
    def test_are_filtered_and_paged_newest_first(self, house: House) -> None:
        first = house.get("/entries", kind="check.noted", limit=2).json()
        assert [row["payload"]["number"] for row in first["results"]] == [2, 1]
        rest = Client().get(first["next"], headers={"X-Api-Key": house.keys["auditor"]}).json()
        assert [row["payload"]["number"] for row in rest["results"]] == [0]

    def test_one_carries_its_place_in_the_chain(self, house: House) -> None:
        row = house.get("/entries", kind="check.noted").json()["results"][0]
        found = house.get(f"/entries/{row['id']}").json()
        assert found["seq"] > 0
        assert len(found["curr"]) == 64

    def test_another_organization_sees_none_of_them(self, house: House) -> None:
        other = _house("other", entries=0)
        row = house.get("/entries", kind="check.noted").json()["results"][0]
        assert other.get("/entries", kind="check.noted").json()["results"] == []
        assert other.get(f"/entries/{row['id']}").status_code == 404
        assert other.get(f"/entries/{row['id']}/proof").status_code == 404

    def test_a_null_character_is_refused(self, house: House) -> None:
        assert house.get("/entries", kind="a\x00").status_code == 422


class TestProof:
    def test_leads_to_a_signed_root(self, house: House) -> None:
        row = house.get("/entries", kind="check.noted").json()["results"][0]
        proof = house.get(f"/entries/{row['id']}/proof").json()
        assert proof["digest"] == row["digest"]
        assert proof["checkpoint"]["size"] >= proof["seq"]

    def test_waits_for_the_seal(self, house: House) -> None:
        with scope.tenant_scope(house.tenant):
            entry = ledger.append(kind="check.noted", payload={})
        assert house.get(f"/entries/{entry.id}/proof").status_code == 409

    def test_an_unknown_entry_is_not_found(self, house: House) -> None:
        assert house.get(f"/entries/{ids.uuid7()}/proof").status_code == 404

    def test_a_size_that_is_no_number_is_refused(self, house: House) -> None:
        row = house.get("/entries", kind="check.noted").json()["results"][0]
        assert house.get(f"/entries/{row['id']}/proof", size="x").status_code == 422


class TestExport:
    @pytest.mark.requirement("A-M4")
    def test_stands_on_its_own(self, house: House) -> None:
        answer = house.get("/export")
        body = b"".join(answer.streaming_content)
        assert answer["Content-Type"] == "application/x-ndjson"
        assert int(answer["Content-Length"]) == len(body)
        pem = "".join(key["pem"] for key in house.get("/keys").json()).encode()
        found = verifier.verify(body.splitlines(keepends=True), verifier.load_keys(pem))
        assert found.header["tenant"] == str(house.tenant)

    def test_a_changed_line_is_found(self, house: House) -> None:
        body = b"".join(house.get("/export").streaming_content)
        lines = body.replace(b'"number":1', b'"number":7').splitlines(keepends=True)
        pem = signing.public_keys(rules.PURPOSE)[0].pem().encode()
        with pytest.raises(verifier.ExportBroken):
            verifier.verify(lines, verifier.load_keys(pem))

    def test_is_noted_in_the_ledger(self, house: House) -> None:
        b"".join(house.get("/export").streaming_content)
        assert len(house.get("/entries", kind="ledger.exported").json()["results"]) == 1

    def test_reading_is_not_enough(self, house: House) -> None:
        assert house.get("", role="read_only").status_code == 200
        assert house.get("/export", role="read_only").status_code == 403

    def test_a_range_outside_the_chain_is_refused_whole(self, house: House) -> None:
        answer = house.get("/export", since=10_000)
        assert answer.status_code == 422
        assert json.loads(answer.content)["code"] == "ledger_export_range"

    def test_a_size_without_a_checkpoint_is_not_found(self, house: House) -> None:
        assert house.get("/export", until=999_999).status_code == 404


class TestCheckpoints:
    def test_are_listed_with_their_signatures(self, house: House) -> None:
        [row] = house.get("/checkpoints").json()["results"]
        assert row["signature"]
        assert row["tenant"] == str(house.tenant)
