"""From a rule to another decision, in the browser: write, see the check, try, save, compare, put in force."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Watch, picture, sign_in
from tests.browser.test_shell import VARIANTS, ready

# A machine that runs everything at once answers late, not wrongly.
expect.set_options(timeout=15_000)
Axe = Callable[[Page], list[str]]
EDITOR = "/rules/sets/lending/edit?contract=lending"
GIVEN = {"credit_score": 560, "dti": 0.3, "income_verified": True}
PAGES = {
    "contract": "/rules/contracts/lending",
    "ruleset": "/rules/sets/lending",
    "difference": "/rules/sets/lending?version=0.1.0&against=0.1.0",
    "new": "/rules/new",
    "activate": "/rules/sets/lending/versions/0.1.0/activate?contract=lending",
    "editor": EDITOR,
}


def decide(product: dict[str, Any]) -> dict[str, Any]:
    """Decide over the API, as a system does."""
    asked = urllib.request.Request(
        f"{product['url']}/api/v1/decide/lending",
        json.dumps({"input": GIVEN}).encode(),
        {"Content-Type": "application/json", "X-Api-Key": product["keys"]["agent"]},
    )
    with urllib.request.urlopen(asked, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def open_editor(page: Page, path: str = EDITOR) -> None:
    """Open the editor and wait until it is checked and saved."""
    page.goto(path)
    ready(page)
    page.wait_for_function("document.documentElement.dataset.workbench === 'ready'")
    page.wait_for_load_state("networkidle")


def line(page: Page, text: str) -> Any:
    """Return the line of the editor that holds a text."""
    return page.locator("#editor .cm-line", has_text=text)


def put(page: Page, on: str, remove: int, text: str) -> None:
    """Replace the end of a line by typing."""
    line(page, on).first.click()
    page.keyboard.press("End")
    for _key in range(remove):
        page.keyboard.press("Backspace")
    page.keyboard.type(text)
    page.keyboard.press("Escape")


@pytest.fixture
def editor(signed_in: Page, watch: Watch) -> Iterator[Page]:
    """Return the editor without any draft; leaves none behind."""
    open_editor(signed_in)
    yield signed_in
    complaints = watch.collect()
    # The page would keep what it has; away from it nothing writes any more.
    signed_in.goto("/rules")
    watch.forget()
    signed_in.evaluate(
        """async () => {
          const token = document.cookie.match(/csrftoken=([^;]+)/)[1];
          for (const name of ['lending', 'bands', 'score_band'])
            await fetch(`/api/v1/rulesets/${name}/draft?contract=lending`,
              {method: 'DELETE', headers: {'X-CSRFToken': token}});
          localStorage.clear();
        }"""
    )
    assert complaints == []


class TestPages:
    @pytest.mark.parametrize("name", PAGES)
    def test_are_accessible_quiet_and_within_their_width(self, signed_in: Page, axe: Axe, name: str) -> None:
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
            picture(signed_in, f"rules-{name}-{theme}-{width}")
        assert found == []


class TestWriting:
    def test_marks_the_word_and_keeps_an_invalid_text_as_a_draft(self, editor: Page, axe: Axe) -> None:
        put(editor, "when: dti > 0.60", 0, " && incom > 1")
        expect(editor.locator("#problem-count")).to_have_text("1")
        expect(editor.locator("#panel-problems")).to_contain_text("incom")
        expect(editor.locator(".cm-lintRange-error")).to_have_text("incom")
        expect(editor.locator("#save-version")).to_be_disabled()
        expect(editor.locator("#saved")).to_contain_text("draft saved at")
        assert axe(editor) == []
        picture(editor, "rules-problem")
        open_editor(editor)
        expect(line(editor, "&& incom > 1")).to_have_count(1)

    def test_completes_the_fields_of_the_contract(self, editor: Page) -> None:
        line(editor, "when: dti > 0.60").click()
        editor.keyboard.press("End")
        editor.keyboard.type(" && income_ver")
        editor.locator(".cm-tooltip-autocomplete li", has_text="income_verified").click()
        expect(line(editor, "dti > 0.60 && income_verified")).to_have_count(1)
        expect(editor.locator("#verdict")).to_contain_text("can become a version")

    def test_shows_what_is_never_reached_with_an_input_to_try(self, editor: Page, axe: Axe) -> None:
        put(editor, "when: credit_score < 550", 3, "730")
        expect(editor.locator("#panel-problems")).to_contain_text("is never reached")
        editor.locator("#panel-problems").get_by_role("button", name="Try").click()
        expect(editor.locator(".answer")).to_contain_text("Rejected")
        expect(editor.locator(".trace")).to_contain_text("reject_low_credit")
        editor.get_by_role("tab", name="Coverage").click()
        expect(editor.locator("#panel-rules")).to_contain_text("never holds")
        expect(editor.locator(".cm-note").first).to_contain_text("holds")
        assert axe(editor) == []
        picture(editor, "rules-coverage")

    def test_works_by_keys_alone(self, editor: Page) -> None:
        editor.locator("#editor .cm-content").focus()
        editor.keyboard.press("Control+Enter")
        expect(editor.locator(".answer-head")).to_be_visible()
        editor.keyboard.press("Tab")
        assert not editor.evaluate("document.activeElement.classList.contains('cm-content')")
        editor.get_by_role("tab", name="Try it").focus()
        editor.keyboard.press("ArrowRight")
        expect(editor.get_by_role("tab", name="Coverage")).to_be_focused()
        expect(editor.locator("#panel-rules")).to_be_visible()


class TestDrafts:
    def test_survive_the_end_of_the_session(self, browser: Browser, product: dict[str, Any]) -> None:
        # Lines far below are drawn when they are scrolled to.
        size: Any = {"width": 1440, "height": 900}
        context = browser.new_context(base_url=product["url"], reduced_motion="reduce", viewport=size)
        context.set_default_timeout(45_000)
        page = context.new_page()
        sign_in(page, product)
        open_editor(page)
        cookies = [one for one in context.cookies() if one["name"] == "sessionid"]
        context.clear_cookies(name="sessionid")
        put(page, "when: dti > 0.60", 2, "61")
        expect(page.locator("#saved")).to_contain_text("your session has ended")
        expect(page.locator("#notice")).to_contain_text("Sign in")
        page.goto(EDITOR)
        assert "/login" in page.url
        context.add_cookies(cookies)  # type: ignore[arg-type]
        open_editor(page)
        expect(line(page, "when: dti > 0.61")).to_have_count(1)
        expect(page.locator("#saved")).to_contain_text("draft saved at")
        page.locator("#discard").click()
        page.locator("#confirm-yes").click()
        page.wait_for_url("**/rules/sets/lending")
        context.close()

    def test_lose_nothing_to_another_window(self, editor: Page, watch: Watch, axe: Axe) -> None:
        put(editor, "when: dti > 0.60", 2, "61")
        expect(editor.locator("#saved")).to_contain_text("draft saved at")
        other = editor.context.new_page()
        open_editor(other)
        put(other, "when: credit_score < 550", 3, "551")
        expect(other.locator("#saved")).to_contain_text("draft saved at")
        other.close()
        editor.bring_to_front()
        put(editor, "when: dti > 0.61", 2, "62")
        expect(editor.locator("#conflict-dialog")).to_be_visible()
        watch.forget()
        assert axe(editor) == []
        picture(editor, "rules-conflict")
        editor.get_by_role("button", name="Take both").click()
        expect(line(editor, "when: credit_score < 551")).to_have_count(1)
        expect(line(editor, "when: dti > 0.62")).to_have_count(1)
        expect(editor.locator("#saved")).to_contain_text("draft saved at")


class TestGrid:
    def test_takes_cells_from_a_spreadsheet_and_marks_gaps_and_overlaps(self, editor: Page, axe: Axe) -> None:
        page = editor
        page.goto("/rules/new")
        page.get_by_label("Name").fill("bands")
        page.get_by_label("Written as").select_option("table")
        page.get_by_role("button", name="Begin").click()
        page.wait_for_url("**/edit?**")
        expect(page.get_by_role("grid")).to_be_visible()
        page.locator('td[data-row="0"][data-column="1"]').focus()
        cells = "< 500\treject\tlow\t0.9\n[450..600]\treview\tmiddle\t0.6\n>= 700\tapprove\tgood\t0.9"
        page.evaluate(
            """(cells) => {
              const data = new DataTransfer();
              data.setData('text/plain', cells);
              document.activeElement.dispatchEvent(
                new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}));
            }""",
            cells,
        )
        page.get_by_label("Which rows count").select_option("unique")
        marks = page.locator("#grid-view .grid-marks")
        expect(marks).to_contain_text("overlaps")
        expect(marks).to_contain_text("no row matches")
        expect(page.locator("td.wrong")).to_have_count(1)
        assert axe(page) == []
        picture(page, "rules-grid")
        page.locator('td[data-row="1"][data-column="1"]').focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Control+a")
        page.keyboard.type("[500..600]")
        page.keyboard.press("Enter")
        expect(page.locator('td[data-row="2"][data-column="1"]')).to_be_focused()
        expect(marks).not_to_contain_text("overlaps")
        page.get_by_role("button", name="Add a row for it").click()
        expect(page.locator('td[data-row="3"][data-column="1"]')).to_have_text("(600..700)")
        expect(page.locator("#verdict")).to_contain_text("can become a version")
        page.get_by_role("button", name="Text").click()
        expect(line(page, "(600..700)")).to_have_count(1)
        expect(page.locator("#saved")).to_contain_text("draft saved at")


class TestTheWholeWay:
    @pytest.mark.requirement("A-D4")
    def test_changes_what_is_decided_and_back(self, editor: Page, axe: Axe, product: dict[str, Any]) -> None:
        page = editor
        before = decide(product)
        assert before["class"] == "review"
        # A ruleset of its own, so that no other test finds other rules than those that ship.
        page.goto("/rules/new")
        page.get_by_label("Name").fill("score_band")
        page.get_by_role("button", name="Begin").click()
        page.wait_for_url("**/edit?**")
        page.wait_for_function("document.documentElement.dataset.workbench === 'ready'")
        line(page, "when: ").click()
        page.keyboard.press("End")
        page.keyboard.press("Shift+Home")
        page.keyboard.type("when: credit_score < 580")
        put(page, "class: review", len("review"), "reject")
        expect(page.locator("#verdict")).to_contain_text("can become a version")
        page.get_by_role("tab", name="Try it").click()
        expect(page.get_by_label("Input of")).not_to_have_value("")
        page.get_by_label("credit_score").fill("560")
        page.get_by_role("button", name="Try", exact=True).click()
        expect(page.locator(".answer-head")).to_contain_text("Rejected")
        page.locator("#save-version").click()
        page.get_by_label("What changed, and why").fill("Losses between 550 and 580")
        page.get_by_role("button", name="Save and compare").click()
        page.wait_for_url("**/activate**")
        ready(page)
        expect(page.locator("main")).to_contain_text("first_look is new: reject when credit_score < 580")
        expect(page.locator("main")).to_contain_text("newest decisions")
        assert axe(page) == []
        picture(page, "rules-compare")
        page.get_by_label("Reason, for the ledger").fill("Losses between 550 and 580")
        page.get_by_role("button", name="Put in force").click()
        expect(page.locator("#confirm-yes")).to_be_disabled()
        page.locator("#confirm-name input").fill("lending")
        page.locator("#confirm-yes").click()
        page.wait_for_url("**/rules/contracts/lending")
        expect(page.locator(".toast")).to_contain_text("decides by score_band")
        page.wait_for_timeout(1000)
        after = decide(product)
        assert after["class"] == "reject"
        assert "first_look" in after["reasons"]
        page.get_by_role("button", name="Back to 1.0.0").click()
        page.locator("#rollback textarea").fill("Too strict after all")
        page.locator("#rollback").get_by_role("button", name="Go back").click()
        page.locator("#confirm-name input").fill("lending")
        page.locator("#confirm-yes").click()
        expect(page.locator(".toast")).to_contain_text("is in force again")
        page.wait_for_timeout(1000)
        again = decide(product)
        assert (again["class"], again["reasons"]) == (before["class"], before["reasons"])
