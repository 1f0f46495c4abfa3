"""The frame around every page: accessible, quiet, within its width, and usable by keys alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from decisionos.kernel.console import context, registry
from tests.browser.conftest import Watch, picture, ready

Axe = Callable[[Page], list[str]]
PAGES = {name: context.address(page.url_name) for name, page in sorted(registry.pages.items())}
PAGES = {"gallery": "/gallery", **PAGES}
VARIANTS = [("light", 1440), ("dark", 1440), ("light", 390), ("dark", 390)]


class TestEveryPage:
    """Whatever an app enters in the navigation."""

    @pytest.mark.parametrize("name", PAGES)
    def test_is_accessible_quiet_and_within_its_width(self, signed_in: Page, axe: Axe, name: str) -> None:
        found: list[str] = []
        for theme, width in VARIANTS:
            signed_in.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            signed_in.set_viewport_size({"width": width, "height": 900})
            signed_in.goto(PAGES[name])
            ready(signed_in)
            signed_in.wait_for_load_state("networkidle")
            wide = signed_in.evaluate("document.documentElement.scrollWidth - innerWidth")
            found += [f"{theme} {width}: {wide} px too wide"] if wide > 0 else []
            found += [f"{theme} {width}: {one}" for one in axe(signed_in)]
            picture(signed_in, f"{name}-{theme}-{width}")
        assert found == []

    @pytest.mark.parametrize("name", PAGES)
    def test_reflows_at_twice_the_size(self, signed_in: Page, name: str) -> None:
        signed_in.set_viewport_size({"width": 320, "height": 640})
        signed_in.goto(PAGES[name])
        ready(signed_in)
        assert signed_in.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0

    @pytest.mark.parametrize("name", PAGES)
    def test_speaks_korean_throughout_its_frame(
        self, signed_in: Page, axe: Axe, product: dict[str, Any], name: str
    ) -> None:
        signed_in.context.add_cookies([{"name": "django_language", "value": "ko", "url": product["url"]}])
        signed_in.goto(PAGES[name])
        ready(signed_in)
        expect(signed_in.locator("html")).to_have_attribute("lang", "ko")
        expect(signed_in.locator("#palette-button")).to_contain_text("검색")
        assert axe(signed_in) == []
        picture(signed_in, f"{name}-ko")


class TestDoors:
    """Pages outside of the frame."""

    @pytest.mark.parametrize(("name", "path"), [("login", "/login"), ("missing", "/no/such/page")])
    @pytest.mark.parametrize(("theme", "width"), VARIANTS)
    def test_are_accessible(
        self, stranger: Page, watch: Watch, axe: Axe, name: str, path: str, theme: Any, width: int
    ) -> None:
        stranger.emulate_media(color_scheme=theme)
        stranger.set_viewport_size({"width": width, "height": 900})
        stranger.goto(path)
        ready(stranger)
        watch.forget()
        assert axe(stranger) == []
        assert stranger.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        picture(stranger, f"{name}-{theme}-{width}")

    def test_tell_a_wrong_password_and_keep_the_address(self, stranger: Page, watch: Watch) -> None:
        stranger.goto("/login")
        stranger.get_by_label("E-mail").fill("nobody@example.com")
        stranger.get_by_label("Password").fill("not the password")
        stranger.get_by_role("button", name="Sign in").click()
        expect(stranger.get_by_role("alert")).to_be_visible()
        expect(stranger.get_by_label("E-mail")).to_have_value("nobody@example.com")
        watch.forget()


class TestKeys:
    """Everything by keyboard alone."""

    def test_the_first_tab_skips_to_the_content(self, signed_in: Page) -> None:
        signed_in.goto("/gallery")
        ready(signed_in)
        signed_in.keyboard.press("Tab")
        expect(signed_in.locator(".skip")).to_be_focused()
        signed_in.keyboard.press("Enter")
        expect(signed_in.locator("#main")).to_be_focused()

    def test_the_palette_finds_a_page_and_goes_there(self, signed_in: Page, axe: Axe) -> None:
        signed_in.goto("/gallery")
        ready(signed_in)
        signed_in.keyboard.press("Control+k")
        expect(signed_in.locator("#palette-text")).to_be_focused()
        signed_in.keyboard.type("galle")
        first = signed_in.locator("#palette-list [aria-selected=true]")
        picture(signed_in, "palette")
        signed_in.keyboard.press("Escape")
        expect(signed_in.locator("#palette")).to_be_hidden()
        assert axe(signed_in) == []
        assert first is not None

    def test_the_sheet_names_the_keys_of_this_page(self, signed_in: Page, axe: Axe) -> None:
        signed_in.goto("/gallery")
        ready(signed_in)
        signed_in.keyboard.press("?")
        sheet = signed_in.get_by_role("dialog", name="Keys")
        expect(sheet).to_be_visible()
        expect(sheet.locator("#keys-here")).to_contain_text("Approve")
        expect(sheet.locator("#keys-select")).to_be_hidden()
        assert axe(signed_in) == []
        picture(signed_in, "keys")
        signed_in.keyboard.press("Escape")
        expect(sheet).to_be_hidden()

    def test_j_and_k_move_through_the_rows(self, signed_in: Page) -> None:
        signed_in.goto("/gallery")
        ready(signed_in)
        signed_in.keyboard.press("j")
        expect(signed_in.get_by_role("link", name="Income unverified")).to_be_focused()
        signed_in.keyboard.press("k")
        signed_in.keyboard.press("k")
        expect(signed_in.get_by_role("link", name="Borderline credit")).to_be_focused()

    def test_menus_open_move_and_give_the_focus_back(self, signed_in: Page) -> None:
        signed_in.goto("/gallery")
        ready(signed_in)
        button = signed_in.locator(".avatar")
        button.focus()
        signed_in.keyboard.press("Enter")
        expect(signed_in.locator("#me")).to_be_visible()
        signed_in.keyboard.press("ArrowDown")
        assert signed_in.evaluate("document.activeElement.closest('#me') !== null")
        signed_in.keyboard.press("Escape")
        expect(signed_in.locator("#me")).to_be_hidden()
        expect(button).to_be_focused()

    def test_a_chart_is_read_aloud_point_by_point(self, signed_in: Page) -> None:
        signed_in.goto("/gallery")
        ready(signed_in)
        plot = signed_in.locator("[data-chart=bars] .plot")
        signed_in.locator("[data-chart=bars][data-drawn]").wait_for()
        plot.focus()
        signed_in.keyboard.press("Home")
        expect(signed_in.locator("#bars-said")).to_have_text("550: Decisions 40")
        signed_in.keyboard.press("ArrowRight")
        expect(signed_in.locator("#bars-said")).to_have_text("600: Decisions 120")


class TestCharts:
    """Charts by pointer."""

    def test_name_the_point_under_the_pointer(self, signed_in: Page) -> None:
        signed_in.goto("/gallery")
        ready(signed_in)
        signed_in.locator("[data-chart=bars][data-drawn]").wait_for()
        signed_in.locator("[data-chart=bars] .u-over").hover()
        bubble = signed_in.locator("[data-chart=bars] .bubble")
        expect(bubble).to_contain_text("650")
        expect(bubble).to_contain_text("310")
        signed_in.locator("h1").hover()
        expect(bubble).to_be_hidden()


class TestPreferences:
    """What stays as it was chosen."""

    def test_the_theme_stays_after_a_reload(self, signed_in: Page) -> None:
        signed_in.goto("/gallery")
        ready(signed_in)
        signed_in.locator(".avatar").click()
        signed_in.get_by_role("button", name="Dark").click()
        expect(signed_in.locator("html")).to_have_attribute("data-theme", "dark")
        signed_in.reload()
        expect(signed_in.locator("html")).to_have_attribute("data-theme", "dark")

    def test_the_language_stays_after_a_reload(self, signed_in: Page) -> None:
        signed_in.goto("/gallery")
        ready(signed_in)
        signed_in.locator(".avatar").click()
        signed_in.get_by_role("button", name="한국어").click()
        expect(signed_in.locator("html")).to_have_attribute("lang", "ko")
        signed_in.reload()
        expect(signed_in.locator("html")).to_have_attribute("lang", "ko")

    def test_another_place_is_chosen_at_the_top(self, signed_in: Page, axe: Axe) -> None:
        signed_in.goto("/gallery")
        ready(signed_in)
        signed_in.locator("#scope-button").click()
        menu = signed_in.locator("#places")
        expect(menu.get_by_role("button", name="Default, Staging")).to_be_visible()
        assert axe(signed_in) == []
        picture(signed_in, "places")
        menu.get_by_role("button", name="Default, Staging").click()
        expect(signed_in.locator("#scope-button")).to_contain_text("Staging")
        signed_in.locator("#scope-button").click()
        menu.get_by_role("button", name="Default, Production").click()
        expect(signed_in.locator("#scope-button")).to_contain_text("Production")

    def test_what_was_written_survives_a_reload(self, signed_in: Page) -> None:
        signed_in.goto("/gallery")
        ready(signed_in)
        note = signed_in.locator("[data-draft=gallery] textarea")
        note.fill("half a sentence")
        signed_in.wait_for_timeout(400)
        signed_in.reload()
        expect(note).to_have_value("half a sentence")


class TestMessages:
    """Toasts and dialogs."""

    def test_tell_what_happened_and_ask_before_danger(self, signed_in: Page, axe: Axe) -> None:
        signed_in.goto("/gallery")
        ready(signed_in)
        signed_in.get_by_role("button", name="Failure").click()
        expect(signed_in.locator(".toast.bad")).to_contain_text("The worker does not answer")
        signed_in.get_by_role("button", name="Confirm", exact=True).click()
        dialog = signed_in.get_by_role("dialog", name="Archive the project?")
        yes = dialog.get_by_role("button", name="Archive")
        expect(yes).to_be_disabled()
        dialog.get_by_role("textbox").fill("consumer-loans")
        expect(yes).to_be_enabled()
        assert axe(signed_in) == []
        picture(signed_in, "confirm")
        yes.click()
        expect(signed_in.locator(".toast.info")).to_contain_text("Archived")


class TestWeight:
    """What a page costs."""

    def test_paints_within_a_second_and_stays_light(self, browser: Browser, product: dict[str, Any]) -> None:
        painted = []
        # The best of three, each without a cache: what is measured is the page, not its neighbours.
        for _attempt in range(3):
            context = browser.new_context(base_url=product["url"])
            page = context.new_page()
            page.goto("/login")
            ready(page)
            painted.append(
                page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
            )
            scripts = page.evaluate(
                "performance.getEntriesByType('resource').filter((one) => one.name.endsWith('.js'))"
                ".reduce((sum, one) => sum + one.decodedBodySize, 0)"
            )
            context.close()
            # Not compressed; compressed it is a third.
            assert scripts < 150_000
        assert min(painted) < 1000


class TestLists:
    """Lists by keyboard, with one effect for each act, and through a session that ends."""

    def test_a_row_opens_beside_the_list_and_stays_in_the_address(self, signed_in: Page, axe: Axe) -> None:
        signed_in.goto("/ledger")
        ready(signed_in)
        signed_in.keyboard.press("j")
        signed_in.keyboard.press("Enter")
        expect(signed_in.locator("#detail h2").first).to_be_visible()
        assert "open=" in signed_in.url
        assert axe(signed_in) == []
        signed_in.reload()
        expect(signed_in.locator("#detail h2").first).to_be_visible()
        expect(signed_in.locator("tr.open")).to_have_count(1)

    def test_a_filter_changes_the_address_and_keeps_the_focus(self, signed_in: Page) -> None:
        signed_in.goto("/ledger")
        ready(signed_in)
        time = signed_in.locator("#filters select").last
        time.focus()
        time.select_option("today")
        signed_in.wait_for_url("**/ledger?*today*")
        expect(time).to_be_focused()

    def test_a_view_is_saved_once_however_often_it_is_sent(self, signed_in: Page) -> None:
        signed_in.goto("/decisions")
        ready(signed_in)
        signed_in.get_by_role("button", name="Views", exact=True).click()
        signed_in.get_by_label("Save this view as").fill("Sent twice")
        signed_in.get_by_role("button", name="Save view").dblclick()
        expect(signed_in.locator(".toast")).to_contain_text("Sent twice")
        signed_in.get_by_role("button", name="Views", exact=True).click()
        expect(signed_in.locator("#view-menu").get_by_role("link", name="Sent twice")).to_have_count(1)

    def test_a_column_goes_and_stays_away(self, signed_in: Page) -> None:
        signed_in.goto("/decisions")
        ready(signed_in)
        heads = signed_in.locator("#list thead th")
        before = heads.count()
        signed_in.get_by_role("button", name="Columns").click()
        signed_in.locator("#columns-menu input:checked:not(:disabled)").last.uncheck()
        expect(heads).to_have_count(before - 1)
        signed_in.reload()
        expect(heads).to_have_count(before - 1)

    def test_a_session_that_ended_says_so_and_keeps_the_page(self, signed_in: Page, watch: Watch) -> None:
        signed_in.goto("/ledger")
        ready(signed_in)
        signed_in.context.clear_cookies()
        signed_in.locator("#filters select").last.select_option("today")
        expect(signed_in.get_by_role("dialog", name="Your session has ended")).to_be_visible()
        expect(signed_in.locator("#list tbody tr").first).to_be_visible()
        watch.forget()
