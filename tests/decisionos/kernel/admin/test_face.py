"""The admin's own pages: the first one, the palette, suggestions, actions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib import admin
from django.db import connections, models
from django.test import Client
from django.test.utils import CaptureQueriesContext

from decisionos.kernel.admin import base, paginators
from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.tenants import scope
from tenancy.identity import keys
from tenancy.identity.models import ApiKey
from tests.decisionos.kernel.admin.conftest import person, signed_in
from tests.isolation import world

KEYS = "/admin/tenancy_identity/apikey/"


class TestIndex:
    """The first page."""

    def test_groups_records_by_domain_with_their_numbers(self, owner: Client) -> None:
        page = owner.get("/admin/").content.decode()
        places = [page.index(f'id="domain-{name}"') for name in ("policy", "tenancy", "kernel")]
        assert places == sorted(places)
        assert "Needs attention" in page
        assert "Recent changes" in page

    def test_counts_nothing_past_its_bound(self, owner: Client) -> None:
        with CaptureQueriesContext(connections["default"]) as found:
            assert owner.get("/admin/").status_code == 200
        counting = [each["sql"] for each in found.captured_queries if "count(*)" in each["sql"].lower()]
        assert counting
        assert all("limit" in sql.lower() for sql in counting)
        assert len(found) <= 40

    def test_leads_to_the_console_and_back(self, owner: Client, houses: list[world.House]) -> None:
        assert 'href="/decisions"' in owner.get("/admin/").content.decode()
        address = f"/admin/policy_decisions/decision/{houses[0].has['decision']}/change/"
        assert f'href="/decisions/{houses[0].has["decision"]}"' in owner.get(address).content.decode()

    def test_is_reached_from_the_consoles_records(self, owner: Client, houses: list[world.House]) -> None:
        pages = {
            f"/decisions/{houses[0].has['decision']}": "policy_decisions/decision",
            f"/ledger/entries/{houses[0].has['entry']}": "kernel_ledger/entry",
        }
        for address, record in pages.items():
            link = f'href="/admin/{record}/{address.rpartition("/")[2]}/change/"'
            assert link in owner.get(address).content.decode(), address

    def test_tells_changes_but_no_decisions(self, owner: Client) -> None:
        page = owner.get("/admin/").content.decode()
        assert "role granted" in page or "granted" in page
        assert "made (decision)" not in page

    def test_is_open_without_an_organization(self, platform: Client) -> None:
        answer = platform.get("/admin/")
        assert answer.status_code == 200
        assert "No organization is chosen" in answer.content.decode()


class TestPalette:
    """What it finds."""

    def test_offers_lists_and_pages_of_the_console(self, owner: Client) -> None:
        groups = {
            group["name"]: group["items"] for group in owner.get("/admin/palette.json").json()["groups"]
        }
        assert "API keys" in {item["label"] for item in groups["records"]}
        assert "/decisions" in {item["url"] for item in groups["pages"]}

    def test_finds_a_record_by_its_id(self, owner: Client, houses: list[world.House]) -> None:
        found = owner.get("/admin/palette.json", {"q": houses[0].has["decision"]}).json()["groups"]
        urls = {item["url"] for group in found for item in group["items"]}
        assert f"/admin/policy_decisions/decision/{houses[0].has['decision']}/change/" in urls

    def test_finds_nothing_of_somebody_else(self, owner: Client, houses: list[world.House]) -> None:
        text = owner.get("/admin/palette.json", {"q": houses[1].has["decision"]}).content.decode()
        assert houses[1].has["decision"] not in text


class TestSuggestions:
    """Values for a filter."""

    def test_are_those_that_were_seen(self, owner: Client) -> None:
        found = owner.get("/admin/suggest/tenancy_identity/apikey/role", {"q": "aud"}).json()
        assert found == {"values": ["auditor"]}

    @pytest.mark.parametrize("field", ["secret_hash", "kind", "nothing"])
    def test_are_offered_for_text_filters_alone(self, owner: Client, field: str) -> None:
        assert owner.get(f"/admin/suggest/tenancy_identity/apikey/{field}").status_code == 404


class TestFilters:
    """What the address asks."""

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ({"role": "auditor"}, "1 row"),
            ({"role": "nobody"}, "0 rows"),
            ({"kind__exact": "personal"}, "1 row"),
            ({"kind__exact": "wrong"}, "0 rows"),
            ({"expires_at__from": "2999-01-01"}, "0 rows"),
            ({"expires_at__to": "not a day"}, "0 rows"),
        ],
    )
    def test_narrows_the_list(self, owner: Client, query: dict[str, str], count: str) -> None:
        assert count in owner.get(KEYS, query).content.decode()

    def test_says_what_cannot_be_read(self, owner: Client) -> None:
        assert "cannot be read" in owner.get(KEYS, {"expires_at__to": "not a day"}).content.decode()

    def test_refuses_a_question_that_is_not_offered(self, owner: Client) -> None:
        assert owner.get(KEYS, {"secret_hash__startswith": "a"}).status_code == 400


class TestActions:
    """Revoking keys, as an example."""

    def _post(self, client: Client, house: world.House, key: str, **more: str) -> Any:
        return client.post(KEYS, {"action": "revoke", "_selected_action": key, **more})

    def _key(self, house: world.House) -> ApiKey:
        with scope.tenant_scope(house.tenant):
            return keys.issue_key(name="to be ended", role="agent")[0]

    def test_says_first_what_will_have_happened(self, owner: Client, houses: list[world.House]) -> None:
        key = self._key(houses[0])
        page = self._post(owner, houses[0], str(key.id)).content.decode()
        assert "never works again" in page
        assert "keys.manage" in page
        assert ApiKey.objects.using("platform").get(id=key.id).revoked_at is None

    def test_is_done_once_and_recorded_with_its_reason(
        self, owner: Client, houses: list[world.House]
    ) -> None:
        key = self._key(houses[0])
        given = {"confirmed": "1", "reason": "Seen in a log of kim@example.com", "form_token": key.id.hex}
        for _send in range(2):
            assert self._post(owner, houses[0], str(key.id), **given).status_code == 302
        assert ApiKey.objects.using("platform").get(id=key.id).revoked_at is not None
        rows = Entry.objects.using("platform").filter(kind="admin.action_taken", subject_id=str(key.id))
        (entry,) = list(rows)
        assert entry.payload["done"] == [str(key.id)]
        assert entry.actor.startswith("user:")
        assert "kim@example.com" not in json.dumps(entry.payload)

    def test_wants_a_reason(self, owner: Client, houses: list[world.House]) -> None:
        key = self._key(houses[0])
        given = {"confirmed": "1", "reason": " why ", "form_token": key.id.hex}
        assert self._post(owner, houses[0], str(key.id), **given).status_code == 422
        assert ApiKey.objects.using("platform").get(id=key.id).revoked_at is None

    def test_is_offered_and_open_to_nobody_without_the_permission(
        self, houses: list[world.House], _open: None
    ) -> None:
        auditor = signed_in(person("auditor@northwind.example", of=houses[0], role="auditor"))
        key = self._key(houses[0])
        assert "Revoke keys" not in auditor.get(KEYS).content.decode()
        given = {"confirmed": "1", "reason": "It should be ended.", "form_token": key.id.hex}
        self._post(auditor, houses[0], str(key.id), **given)
        assert ApiKey.objects.using("platform").get(id=key.id).revoked_at is None

    def test_reaches_no_other_organization(self, owner: Client, houses: list[world.House]) -> None:
        key = self._key(houses[1])
        given = {"confirmed": "1", "reason": "It should be ended.", "form_token": key.id.hex}
        self._post(owner, houses[0], str(key.id), **given)
        assert ApiKey.objects.using("platform").get(id=key.id).revoked_at is None


class TestRegistering:
    """What comes from elsewhere."""

    def test_leaves_out_what_does_not_stand_on_the_kernels_base(self) -> None:
        assert all(isinstance(shown, base.DosModelAdmin) for shown in admin.site._registry.values())
        assert not any("otp" in model._meta.app_label for model in admin.site._registry)


class TestPaginator:
    """Pages of many rows."""

    def test_estimates_past_its_bound(self, houses: list[world.House], _open: None) -> None:
        class Small(paginators.EstimatedPaginator):
            exact_up_to = 2

        rows = Entry.objects.using("platform").order_by("-pk")
        assert isinstance(rows, models.QuerySet)
        small = Small(rows, 5)
        assert small.is_exact is False
        assert small.count > 2
        assert paginators.EstimatedPaginator(rows, 5).count == len(rows)

    def test_ends_at_its_last_page(self, houses: list[world.House], _open: None) -> None:
        deep = paginators.EstimatedPaginator(list(range(9_000)), 5)
        assert deep.num_pages == paginators.MOST_PAGES
