"""Platform staff in an organization that they do not belong to: for a reason, for a while, in its ledger."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.test import Client

from decisionos.kernel import clock
from decisionos.kernel.admin import visits
from decisionos.kernel.ledger.models import Entry
from tenancy.organizations.models import Organization
from tests.decisionos.kernel.admin.conftest import person, signed_in
from tests.isolation import world

REASON = "Ticket 4711: a decision is said to be missing."


def kinds(house: world.House, kind: str) -> list[dict[str, Any]]:
    """Return the payloads of an organization's entries of one kind, oldest first."""
    rows = Entry.objects.using("platform").filter(tenant_id=house.tenant, kind=kind).order_by("id")
    return [{**row.payload, "actor": row.actor} for row in rows]


def opened(client: Client, house: world.House, **more: str) -> Any:
    """Ask for a visit."""
    body = {"organization": str(house.tenant), "reason": REASON, "minutes": "15", **more}
    return client.post("/admin/visit", body)


class TestOpening:
    """Who asks for a visit."""

    def test_finds_organizations_by_name(self, platform: Client, houses: list[world.House]) -> None:
        page = platform.get("/admin/visit", {"q": "southr"}).content.decode()
        assert str(houses[1].tenant) in page
        assert str(houses[0].tenant) not in page

    def test_leaves_the_reason_in_the_organizations_ledger(
        self, platform: Client, houses: list[world.House]
    ) -> None:
        assert opened(platform, houses[0]).status_code == 302
        found = kinds(houses[0], "platform.visit_opened")[-1]
        assert found["reason"] == REASON
        assert found["actor"].startswith("platform:")

    @pytest.mark.parametrize("given", [{"reason": "why"}, {"organization": ""}, {"organization": "x" * 36}])
    def test_is_refused_without_a_reason_or_an_organization(
        self, platform: Client, houses: list[world.House], given: dict[str, str]
    ) -> None:
        answer = opened(platform, houses[0], **given)
        assert answer.status_code == 422
        assert platform.get("/admin/policy_decisions/decision/").status_code == 409

    def test_is_refused_to_staff_of_an_organization(self, houses: list[world.House], _open: None) -> None:
        member = person("member@northwind.example", of=houses[0], role="owner")
        member.is_superuser = False
        member.save(update_fields=["is_superuser"])
        assert opened(signed_in(member), houses[1]).status_code == 403


class TestDuring:
    """A visit that is open."""

    def test_shows_the_visited_rows_alone_under_a_banner(
        self, platform: Client, houses: list[world.House]
    ) -> None:
        opened(platform, houses[0])
        page = platform.get("/admin/policy_decisions/decision/").content.decode()
        assert houses[0].has["decision"] in page
        assert houses[1].has["decision"] not in page
        assert "House of northwind" in page
        assert REASON in page
        mine = f"/admin/policy_decisions/decision/{houses[0].has['decision']}/change/"
        other = f"/admin/policy_decisions/decision/{houses[1].has['decision']}/change/"
        assert platform.get(mine).status_code == 200
        assert platform.get(other).status_code == 404

    def test_records_every_page(self, platform: Client, houses: list[world.House]) -> None:
        opened(platform, houses[0])
        platform.get("/admin/tenancy_identity/apikey/")
        found = kinds(houses[0], "platform.page_opened")[-1]
        assert found["path"] == "/admin/tenancy_identity/apikey/"
        assert found["reason"] == REASON

    def test_takes_precedence_over_ones_own_organization(
        self, houses: list[world.House], _open: None
    ) -> None:
        both = signed_in(person("both@southridge.example", of=houses[1], role="owner"))
        opened(both, houses[0])
        page = both.get("/admin/tenancy_identity/apikey/").content.decode()
        assert "of northwind" in page
        assert "of southridge" not in page

    def test_acts_in_the_visited_organization_for_a_reason(
        self, platform: Client, houses: list[world.House]
    ) -> None:
        opened(platform, houses[0])
        body = {"action": "suspend", "_selected_action": str(houses[0].tenant)}
        asked = platform.post("/admin/tenancy_organizations/organization/", body)
        assert asked.status_code == 200
        assert "refuses by name" in asked.content.decode()
        given = {"confirmed": "1", "reason": "Unpaid for three months.", "form_token": "s" * 20}
        platform.post("/admin/tenancy_organizations/organization/", {**body, **given})
        row = Organization.objects.using("platform").get(id=houses[0].tenant)
        assert row.status == "suspended"
        entry = kinds(houses[0], "admin.action_taken")[-1]
        assert (entry["action"], entry["reason"]) == ("suspend", "Unpaid for three months.")
        body["action"], given["form_token"] = "reactivate", "r" * 20
        platform.post("/admin/tenancy_organizations/organization/", {**body, **given})
        assert Organization.objects.using("platform").get(id=houses[0].tenant).status == "active"

    def test_ends_by_itself(
        self, platform: Client, houses: list[world.House], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened(platform, houses[0])
        later = clock.now() + datetime.timedelta(minutes=16)
        monkeypatch.setattr(visits.clock, "now", lambda: later)
        assert platform.get("/admin/policy_decisions/decision/").status_code == 409

    def test_ends_when_it_is_left(self, platform: Client, houses: list[world.House]) -> None:
        opened(platform, houses[0])
        before = len(kinds(houses[0], "platform.visit_closed"))
        assert platform.post("/admin/visit/leave").status_code == 302
        assert len(kinds(houses[0], "platform.visit_closed")) == before + 1
        assert platform.get("/admin/policy_decisions/decision/").status_code == 409

    def test_offers_the_platforms_actions_to_no_member(
        self, owner: Client, houses: list[world.House]
    ) -> None:
        page = owner.get("/admin/tenancy_organizations/organization/").content.decode()
        assert "reactivate" not in page
        body = {
            "action": "suspend",
            "_selected_action": str(houses[0].tenant),
            "confirmed": "1",
            "reason": "I want it closed now.",
            "form_token": "m" * 20,
        }
        owner.post("/admin/tenancy_organizations/organization/", body)
        assert Organization.objects.using("platform").get(id=houses[0].tenant).status == "active"
