"""Home and decisions as a risk manager uses them: by pointer, by keys, in either theme, without complaint."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import picture, ready

Axe = Callable[[Page], list[str]]


def visit(page: Page, path: str) -> None:
    """Open a page and wait for its scripts."""
    page.goto(path)
    ready(page)


class TestHome:
    def test_opens_the_rows_behind_a_number(self, signed_in: Page) -> None:
        visit(signed_in, "/home?window=7d")
        number = signed_in.locator(".stat a.v").first
        said = number.inner_text().strip()
        number.click()
        signed_in.wait_for_url("**/decisions?from=*")
        expect(signed_in.locator("#list .count")).to_contain_text(said)
        expect(signed_in.locator(".chip.window")).to_be_visible()

    def test_opens_an_hour_of_the_chart_by_keys(self, signed_in: Page) -> None:
        visit(signed_in, "/home")
        plot = signed_in.locator("[data-chart=per-hour-data][data-drawn] .plot")
        plot.focus()
        signed_in.keyboard.press("End")
        signed_in.keyboard.press("ArrowLeft")
        expect(signed_in.locator("#per-hour-data-said")).to_contain_text("Approved")
        signed_in.keyboard.press("Enter")
        signed_in.wait_for_url("**/decisions?from=*")

    def test_opens_the_decisions_of_a_reason(self, signed_in: Page) -> None:
        visit(signed_in, "/home?window=7d")
        signed_in.locator(".bars a").first.click()
        signed_in.wait_for_url("**reason=**")
        expect(signed_in.locator("[data-list=decisions] .row-link").first).to_be_visible()


class TestList:
    def test_is_worked_through_by_keys_alone(self, signed_in: Page, axe: Axe) -> None:
        visit(signed_in, "/decisions")
        signed_in.keyboard.press("j")
        signed_in.keyboard.press("j")
        second = signed_in.locator("[data-list=decisions] .row-link").nth(1)
        expect(second).to_be_focused()
        signed_in.keyboard.press("Enter")
        expect(signed_in.locator("#detail .rules-run li").first).to_be_visible()
        expect(second).to_be_focused()
        assert "open=" in signed_in.url
        assert axe(signed_in) == []
        picture(signed_in, "decisions-open")
        signed_in.keyboard.press("r")
        expect(signed_in.locator("#replayed")).to_contain_text("Replay gives the same result")
        signed_in.keyboard.press("p")
        expect(signed_in.locator("#proven")).to_contain_text("Proven.")
        assert axe(signed_in) == []
        signed_in.keyboard.press("k")
        expect(signed_in.locator("[data-list=decisions] .row-link").first).to_be_focused()

    def test_keeps_what_is_open_on_reload(self, signed_in: Page) -> None:
        visit(signed_in, "/decisions")
        signed_in.locator("[data-list=decisions] .row-link").nth(2).click()
        head = signed_in.locator("#detail .decision-head h2")
        expect(head).to_be_visible()
        name = head.inner_text()
        signed_in.reload()
        ready(signed_in)
        expect(head).to_have_text(name)

    def test_searches_and_filters_in_its_address(self, signed_in: Page) -> None:
        visit(signed_in, "/decisions")
        signed_in.keyboard.press("/")
        signed_in.keyboard.type("credit score below")
        signed_in.wait_for_url("**q=credit**")
        rows = signed_in.locator("[data-list=decisions] tbody tr")
        expect(rows.first).to_contain_text("Rejected")
        signed_in.get_by_role("link", name="To a person", exact=True).click()
        signed_in.wait_for_url("**class=review")
        expect(rows.first).to_contain_text("Review")

    def test_says_what_to_do_where_nothing_fits(self, signed_in: Page, axe: Axe) -> None:
        visit(signed_in, "/decisions?q=nothing-like-it")
        expect(signed_in.get_by_text("Nothing fits these filters")).to_be_visible()
        assert axe(signed_in) == []
        signed_in.get_by_role("link", name="Show everything").click()
        expect(signed_in.locator("[data-list=decisions] .row-link").first).to_be_visible()

    def test_remembers_columns_and_row_height(self, signed_in: Page) -> None:
        visit(signed_in, "/decisions")
        signed_in.get_by_role("button", name="Columns").click()
        menu = signed_in.locator("#columns-menu")
        menu.get_by_label("Trace").check()
        expect(signed_in.get_by_role("columnheader", name="Trace")).to_be_visible()
        menu.get_by_role("button", name="Compact").click()
        signed_in.reload()
        ready(signed_in)
        expect(signed_in.get_by_role("columnheader", name="Trace")).to_be_visible()
        expect(signed_in.locator("html")).to_have_attribute("data-density", "compact")
        signed_in.context.clear_cookies(name="decisions_columns")
        signed_in.context.clear_cookies(name="density")

    def test_exports_what_is_filtered(self, signed_in: Page) -> None:
        visit(signed_in, "/decisions?class=reject")
        count = signed_in.locator("#list .count").inner_text()
        signed_in.get_by_role("button", name="Export").click()
        with signed_in.expect_download() as download:
            signed_in.locator("#export-menu").get_by_text("CSV").click()
        lines = Path(download.value.path()).read_text().splitlines()
        assert f"{len(lines) - 1:,}" in count
        assert all(",reject," in line for line in lines[1:])

    def test_saves_a_view_and_opens_it_again(self, signed_in: Page) -> None:
        visit(signed_in, "/decisions?class=reject")
        signed_in.get_by_role("button", name="Views").click()
        signed_in.get_by_label("Save this view as").fill("My rejects")
        signed_in.get_by_role("button", name="Save view").click()
        expect(signed_in.locator(".toast")).to_contain_text("My rejects")
        visit(signed_in, "/decisions")
        signed_in.locator(".bar.views").get_by_role("link", name="My rejects").click()
        signed_in.wait_for_url("**class=reject")


class TestDecision:
    @pytest.mark.parametrize(
        ("theme", "width"), [("light", 1440), ("dark", 1440), ("light", 390), ("dark", 390)]
    )
    def test_stands_on_its_own_page(self, signed_in: Page, axe: Axe, theme: str, width: int) -> None:
        signed_in.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        visit(signed_in, "/decisions?class=review")
        link = signed_in.locator("[data-list=decisions] .row-link").first.get_attribute("href")
        signed_in.set_viewport_size({"width": width, "height": 900})
        visit(signed_in, str(link))
        expect(signed_in.locator(".rules-run li").first).to_be_visible()
        signed_in.get_by_text("Raw JSON").click()
        assert axe(signed_in) == []
        assert signed_in.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        picture(signed_in, f"decision-{theme}-{width}")

    def test_leads_back_to_the_list_as_it_was_left(self, signed_in: Page) -> None:
        visit(signed_in, "/decisions?class=review")
        signed_in.locator("[data-list=decisions] .row-link").nth(3).click()
        signed_in.locator("#detail").get_by_role("link", name="Full page").click()
        signed_in.wait_for_url(re.compile(r"/decisions/[0-9a-f-]{36}$"))
        signed_in.get_by_label("Where you are").get_by_role("link", name="Decisions").click()
        signed_in.wait_for_url("**class=review**")

    def test_shows_personal_data_only_when_asked(self, signed_in: Page) -> None:
        visit(signed_in, "/decisions")
        link = signed_in.locator("[data-list=decisions] .row-link").first.get_attribute("href")
        visit(signed_in, str(link))
        expect(signed_in.locator("#input")).not_to_contain_text("A-2")
        signed_in.get_by_role("button", name="Show personal data").click()
        expect(signed_in.locator("#input")).to_contain_text("A-2")
        signed_in.reload()
        expect(signed_in.locator(".timeline")).to_contain_text("Personal data of the input was shown")
