"""The admin in a browser: in the console's frame, accessible, quiet, by keys, under the strict policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import picture
from tests.browser.test_shell import VARIANTS, ready

Axe = Callable[[Page], list[str]]
PAGES = {
    "index": "/admin/",
    "decisions": "/admin/policy_decisions/decision/",
    "keys": "/admin/tenancy_identity/apikey/",
    "entries": "/admin/kernel_ledger/entry/",
    "visit": "/admin/visit",
    "add": "/admin/kernel_console/savedview/add/",
}


class TestEveryPage:
    """Whatever operators open."""

    @pytest.mark.parametrize("name", PAGES)
    def test_is_accessible_quiet_and_within_its_width(self, signed_in: Page, axe: Axe, name: str) -> None:
        found: list[str] = []
        for theme, width in VARIANTS:
            signed_in.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            signed_in.set_viewport_size({"width": width, "height": 900})
            signed_in.goto(PAGES[name])
            ready(signed_in)
            wide = signed_in.evaluate("document.documentElement.scrollWidth - innerWidth")
            found += [f"{theme} {width}: {wide} px too wide"] if wide > 0 else []
            found += [f"{theme} {width}: {one}" for one in axe(signed_in)]
            picture(signed_in, f"admin-{name}-{theme}-{width}")
        assert found == []

    def test_speaks_korean(self, signed_in: Page, product: dict[str, Any]) -> None:
        cookie = {"name": "django_language", "value": "ko", "url": product["url"]}
        signed_in.context.add_cookies([cookie])  # type: ignore[list-item]
        signed_in.goto("/admin/")
        expect(signed_in.locator("#recent-title")).to_have_text("최근 변경")


class TestWorking:
    """By keys, from a list to a record and to the console."""

    def test_moves_through_a_list_and_opens_a_record(self, signed_in: Page, axe: Axe) -> None:
        signed_in.goto(PAGES["decisions"])
        ready(signed_in)
        signed_in.keyboard.press("j")
        signed_in.keyboard.press("j")
        signed_in.keyboard.press("Enter")
        expect(signed_in.locator("#trail-title")).to_be_visible()
        assert axe(signed_in) == []
        picture(signed_in, "admin-record")
        signed_in.get_by_role("link", name="Open in the console").click()
        signed_in.wait_for_url("**/decisions/*")

    def test_keeps_filters_in_the_address(self, signed_in: Page) -> None:
        signed_in.goto(PAGES["decisions"])
        ready(signed_in)
        signed_in.get_by_label("Decision class").select_option("approve")
        signed_in.wait_for_url("**/?decision_class__exact=approve")
        expect(signed_in.locator("#result_list .badge.bad")).to_have_count(0)

    def test_finds_a_list_by_the_palette(self, signed_in: Page) -> None:
        signed_in.goto(PAGES["index"])
        ready(signed_in)
        signed_in.keyboard.press("Control+k")
        expect(signed_in.locator("#palette-text")).to_be_focused()
        signed_in.keyboard.type("API k")
        signed_in.get_by_role("option", name="API keys").first.wait_for()
        signed_in.keyboard.press("Enter")
        signed_in.wait_for_url("**/admin/tenancy_identity/apikey/")

    def test_asks_why_before_it_acts(self, signed_in: Page, axe: Axe) -> None:
        signed_in.goto(PAGES["keys"])
        ready(signed_in)
        signed_in.locator("input.action-select").first.check()
        expect(signed_in.locator("#picked")).to_be_visible()
        signed_in.locator("#picked select").select_option("revoke")
        signed_in.get_by_role("button", name="Go on").click()
        expect(signed_in.locator("h1")).to_have_text("Revoke keys")
        assert axe(signed_in) == []
        picture(signed_in, "admin-act")
        signed_in.get_by_role("link", name="Cancel").click()
        signed_in.wait_for_url("**/admin/tenancy_identity/apikey/")

    def test_acts_for_an_organization_under_a_banner(self, signed_in: Page, axe: Axe) -> None:
        signed_in.goto(PAGES["visit"])
        ready(signed_in)
        signed_in.get_by_role("radio").first.check()
        signed_in.get_by_label("Reason").fill("Ticket 4711: the browser test looks around.")
        signed_in.get_by_role("button", name="Open and record it").click()
        expect(signed_in.locator(".banner.visit")).to_contain_text("Ticket 4711")
        assert axe(signed_in) == []
        picture(signed_in, "admin-visited")
        signed_in.goto(PAGES["decisions"])
        expect(signed_in.locator(".banner.visit")).to_be_visible()
        expect(signed_in.locator("#result_list tbody tr").first).to_be_visible()
        signed_in.get_by_role("button", name="Leave").click()
        expect(signed_in.locator(".banner.visit")).to_have_count(0)
