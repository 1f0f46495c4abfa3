"""Signing in and one's own account in a browser: accessible, quiet, from a wrong word to a new key."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watch, picture, ready

Axe = Callable[[Page], list[str]]
VARIANTS = [("light", 1440), ("dark", 390)]


def _look(page: Page, axe: Axe, place: str, name: str) -> list[str]:
    found: list[str] = []
    for theme, width in VARIANTS:
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(place)
        ready(page)
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found += [f"{theme} {width}: {wide} px too wide"] if wide > 0 else []
        found += [f"{theme} {width}: {one}" for one in axe(page)]
        picture(page, f"{name}-{theme}-{width}")
    return found


class TestStranger:
    """Before signing in."""

    @pytest.mark.parametrize(("place", "name"), [("/login", "sign-in"), ("/forgotten", "forgotten")])
    def test_finds_pages_that_are_accessible(self, stranger: Page, axe: Axe, place: str, name: str) -> None:
        assert _look(stranger, axe, place, name) == []

    def test_is_told_that_the_words_do_not_fit(self, stranger: Page, watch: Watch) -> None:
        stranger.goto("/login")
        stranger.get_by_label("E-mail").fill("nobody@example.com")
        stranger.get_by_label("Password").fill("not the password")
        stranger.keyboard.press("Enter")
        expect(stranger.get_by_role("alert")).to_contain_text("do not belong together")
        watch.forget()


class TestAccount:
    """After signing in."""

    @pytest.mark.parametrize(
        ("place", "name"),
        [("/account/security", "security"), ("/login/second-factor", "enrol"), ("/members/roles", "roles")],
    )
    def test_has_pages_that_are_accessible(self, signed_in: Page, axe: Axe, place: str, name: str) -> None:
        assert _look(signed_in, axe, place, name) == []

    def test_makes_a_key_that_is_shown_once_and_revokes_it(self, signed_in: Page) -> None:
        signed_in.goto("/keys")
        ready(signed_in)
        signed_in.get_by_label("Name", exact=True).fill("From the browser")
        signed_in.get_by_label("Role of a key").select_option("agent")
        signed_in.get_by_role("button", name="Make it").click()
        expect(signed_in.get_by_text(re.compile(r"^dos_[a-z0-9]{8}_[A-Za-z0-9_-]{43}$"))).to_be_visible()
        signed_in.goto("/keys")
        expect(signed_in.get_by_text(re.compile(r"^dos_[a-z0-9]{8}_[A-Za-z0-9_-]{43}$"))).to_have_count(0)
        signed_in.get_by_role("button", name="Revoke From the browser").click()
        signed_in.locator("#confirm-yes").click()
        expect(signed_in.get_by_text("is revoked")).to_be_visible()
