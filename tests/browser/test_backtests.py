"""A backtest in a real browser: from a file to a report, with what is wrong told in place."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watch, picture, ready

Axe = Callable[[Page], list[str]]
VARIANTS = [("light", 1440), ("dark", 1440), ("light", 390), ("dark", 390)]
DONE = 60_000


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of applications, some of them wrong."""
    source = random.Random(7)
    lines = ["credit_score,dti,income_verified,region,label"]
    for number in range(2_000):
        score, dti = source.randint(450, 800), round(source.uniform(0.05, 0.8), 2)
        verified, region = source.choice(["true", "false"]), source.choice(["SEO", "BSN", "ICN", ""])
        lines.append(f"{score if number % 400 else 'many'},{dti},{verified},{region},{int(score > 600)}")
    path = tmp_path_factory.mktemp("rows") / "applications.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def start(page: Page, path: Path | dict[str, object]) -> None:
    """Ask for a backtest of a file."""
    page.goto("/backtests/new")
    ready(page)
    page.get_by_label("File", exact=True).set_input_files(path)  # type: ignore[arg-type]
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(re.compile(r"/backtests/[0-9a-f-]{36}$"))
    ready(page)


def look(page: Page, axe: Axe, name: str) -> list[str]:
    """Return what is wrong with a page in every theme and width; keep a picture of each."""
    found: list[str] = []
    for theme, width in VARIANTS:
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found += [f"{theme} {width}: {wide} px too wide"] if wide > 0 else []
        found += [f"{theme} {width}: {one}" for one in axe(page)]
        picture(page, f"{name}-{theme}-{width}")
    return found


class TestFromFileToReport:
    def test_shows_figures_segments_and_bad_rows_to_everybody(
        self, signed_in: Page, axe: Axe, rows: Path
    ) -> None:
        page = signed_in
        start(page, rows)
        expect(page.get_by_role("heading", name="By segment")).to_be_visible(timeout=DONE)
        expect(page.locator("#bad-rows")).to_contain_text("is not a number")
        page.get_by_role("link", name="region").click()
        expect(page.locator("#segments table")).to_contain_text("absent")
        assert look(page, axe, "backtest-report") == []

    def test_is_shared_by_a_link_that_needs_nobody(self, signed_in: Page, rows: Path) -> None:
        page = signed_in
        start(page, rows)
        expect(page.get_by_role("button", name="Share")).to_be_visible(timeout=DONE)
        page.get_by_role("button", name="Share").click()
        page.get_by_role("button", name="Make a link").click()
        link = page.get_by_label("Link to the report")
        expect(link).to_be_visible()
        other = page.context.browser.new_page()  # type: ignore[union-attr]
        answer = other.goto(link.input_value())
        assert answer is not None
        assert answer.status == 200
        expect(other.get_by_role("heading", name="Evaluation of")).to_be_visible()
        picture(other, "backtest-shared")
        other.close()

    def test_runs_over_the_decisions_already_made(self, signed_in: Page) -> None:
        page = signed_in
        page.goto("/backtests/new")
        ready(page)
        page.get_by_label("Decisions already made").check()
        expect(page.get_by_label("File", exact=True)).to_be_hidden()
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("heading", name="By segment")).to_be_visible(timeout=DONE)

    def test_offers_columns_for_a_file_that_calls_them_otherwise(self, signed_in: Page, axe: Axe) -> None:
        page = signed_in
        text = b"Credit Score,DTI ratio,incomeVerified\n530,0.3,true\n720,0.3,true\n"
        start(page, {"name": "other.csv", "mimeType": "text/csv", "buffer": text})
        expect(page.get_by_label("credit_score", exact=True)).to_have_value("Credit Score")
        assert look(page, axe, "backtest-columns") == []
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("heading", name="By segment")).to_be_visible(timeout=DONE)


class TestRefusal:
    def test_of_a_large_file_names_the_limit_before_it_is_sent(
        self, signed_in: Page, axe: Axe, rows: Path
    ) -> None:
        page = signed_in
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.method))
        page.goto("/backtests/new")
        ready(page)
        page.locator("#ask").evaluate("(form) => { form.dataset.most = '20000'; }")
        page.get_by_label("File", exact=True).set_input_files(rows)
        expect(page.locator("#id_rows_error")).to_contain_text("at most 0 MB are taken")
        page.get_by_role("button", name="Start").click()
        assert "POST" not in sent
        assert look(page, axe, "backtest-new") == []

    def test_of_the_server_is_told_at_the_file(self, signed_in: Page, watch: Watch) -> None:
        page = signed_in
        page.goto("/backtests/new")
        ready(page)
        held = {"name": "other.csv", "mimeType": "text/csv", "buffer": b"\x00\xff\x00"}
        page.get_by_label("File", exact=True).set_input_files(held)  # type: ignore[arg-type]
        page.get_by_role("button", name="Start").click()
        expect(page.locator("#id_rows_error")).to_contain_text("neither UTF-8 nor CP949")
        expect(page.get_by_role("button", name="Start")).to_be_enabled()
        watch.forget()  # the browser itself notes the answer 422


class TestKeys:
    def test_lead_from_the_list_to_a_new_backtest(self, signed_in: Page, axe: Axe) -> None:
        page = signed_in
        page.goto("/backtests")
        ready(page)
        page.keyboard.press("n")
        page.wait_for_url("**/backtests/new")
        page.goto("/backtests")
        ready(page)
        assert look(page, axe, "backtests-list") == []
