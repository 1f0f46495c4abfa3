"""The ledger as an auditor uses it: look, verify with progress, prove one entry, take the chain along."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import picture, ready

Axe = Callable[[Page], list[str]]


class TestLedgerPage:
    def test_verifies_the_whole_chain_in_the_background(self, signed_in: Page, axe: Axe) -> None:
        signed_in.goto("/ledger")
        ready(signed_in)
        signed_in.keyboard.press("v")
        signed_in.wait_for_url("**/ledger/verifications")
        expect(signed_in.locator("#verification tbody tr").first).to_contain_text("whole", timeout=60_000)
        assert axe(signed_in) == []
        picture(signed_in, "ledger-verified")
        signed_in.locator("#tray-button").click()
        expect(signed_in.locator("#tray")).to_contain_text("Verification of the ledger")
        signed_in.goto("/home")
        expect(signed_in.locator("section[aria-labelledby=ledger-card]")).to_contain_text("whole")

    def test_proves_one_entry_beside_the_list(self, signed_in: Page, axe: Axe) -> None:
        signed_in.goto("/ledger?kind=decision.made")
        ready(signed_in)
        signed_in.keyboard.press("j")
        signed_in.keyboard.press("Enter")
        detail = signed_in.locator("#detail")
        expect(detail).to_contain_text("decision.made")
        detail.get_by_role("button", name="Verify").click()
        expect(detail.locator("#entry-checked")).to_contain_text("Proven.")
        assert detail.locator(".steps .ok").count() == 4
        assert axe(signed_in) == []
        picture(signed_in, "ledger-proven")
        with signed_in.expect_download() as download:
            detail.get_by_role("link", name="Download").click()
        proof = json.loads(Path(download.value.path()).read_text())
        assert proof["checkpoint"]["size"] >= proof["seq"]

    def test_exports_the_chain(self, signed_in: Page) -> None:
        signed_in.goto("/ledger")
        ready(signed_in)
        signed_in.get_by_role("button", name="Export chain").click()
        with signed_in.expect_download() as download:
            signed_in.locator("#chain-menu").get_by_role("button", name="Download").click()
        lines = Path(download.value.path()).read_text().splitlines()
        assert json.loads(lines[0])["type"] == "header"
        assert json.loads(lines[-1])["type"] == "end"

    def test_shows_checkpoints_on_a_phone_too(self, signed_in: Page, axe: Axe) -> None:
        for width in (1440, 390):
            signed_in.set_viewport_size({"width": width, "height": 900})
            for path in ("/ledger/checkpoints", "/ledger/verifications"):
                signed_in.goto(path)
                ready(signed_in)
                assert axe(signed_in) == []
                assert signed_in.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
