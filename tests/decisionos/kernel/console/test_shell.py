"""The shell: navigation, palette, tray, banners, preferences; and what happens when an app fails."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.http import HttpRequest
from django.test import Client, RequestFactory

from decisionos.kernel import errors
from decisionos.kernel.console import console, failures, middleware, registry
from decisionos.kernel.web import probes
from tests.decisionos.kernel.console.test_pages import person, signed_in
from tests.tenancy import cast

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test registries of its own."""
    for name in ("pages", "sources", "actions", "attentions", "works", "notices"):
        monkeypatch.setattr(registry, name, dict(getattr(registry, name)))
    cache.clear()


def broken(request: HttpRequest, *more: Any) -> Any:
    """Fail as an app may."""
    raise RuntimeError("an app's own fault")


class TestRegistry:
    """What apps enter."""

    def test_refuses_a_page_in_no_group_and_a_key_twice(self) -> None:
        with pytest.raises(ValueError, match="which is not entered"):
            registry.nav(domain="nowhere", name="x", label="X", url_name="gallery", icon="x")
        registry.nav(domain="decide", name="one", label="One", url_name="gallery", icon="x", key="g 1")
        with pytest.raises(ValueError, match="opens 'one' already"):
            registry.nav(domain="decide", name="two", label="Two", url_name="gallery", icon="x", key="g 1")

    def test_shows_a_page_only_with_its_permission(self) -> None:
        registry.pages.clear()
        registry.nav(domain="decide", name="open", label="Open", url_name="gallery", icon="x")
        registry.nav(
            domain="decide", name="closed", label="Closed", url_name="gallery", icon="x", permission="p"
        )
        assert [page.name for _, pages in registry.groups(frozenset()) for page in pages] == ["open"]
        shown = [page.name for _, pages in registry.groups(frozenset({"p"})) for page in pages]
        assert shown == ["closed", "open"]


class TestRoot:
    """The first address."""

    def test_goes_to_the_first_page_that_is_permitted(self) -> None:
        registry.pages.clear()
        registry.nav(domain="review", name="later", label="Later", url_name="gallery", icon="x")
        client = signed_in(person(cast.organization()))
        assert client.get("/")["Location"] == "/gallery"

    def test_says_so_when_there_is_none(self) -> None:
        registry.pages.clear()
        answer = signed_in(person(cast.organization())).get("/")
        assert "No page is open to you here" in answer.content.decode()


class TestPalette:
    """What is found."""

    def test_lists_pages_and_actions_then_records(self) -> None:
        registry.nav(domain="decide", name="g", label="Sample page", url_name="gallery", icon="x", key="g 9")
        registry.action("Do something", "gallery")
        registry.sources.clear()
        registry.palette_source(
            "things", lambda request, text: [registry.PaletteItem(f"Thing {text}", "/t", "Things", "hint")]
        )
        registry.palette_source("secret", lambda request, text: broken(request), permission="keys.rotate")
        registry.palette_source("broken", lambda request, text: broken(request))
        client = signed_in(person(cast.organization()))
        groups = client.get("/console/palette.json").json()["groups"]
        assert {group["name"] for group in groups} == {"pages", "actions"}
        assert any(item["label"] == "Sample page" and item["key"] == "g 9" for item in groups[0]["items"])
        found = client.get("/console/palette.json?q=<b>").json()["groups"]
        assert [group["items"][0]["label"] for group in found] == ["Thing <b>"]


class TestTray:
    """Work and notices."""

    def test_shows_work_needs_counts_and_what_is_behind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        registry.work("sample", lambda request: [registry.Work("Backtest", "running", 40, "/x", "2 of 5")])
        registry.attention(
            "sample", lambda request: [registry.Attention("bad", "12 wait", "due soon", "Open", "/y")]
        )
        registry.attention("broken", broken)
        registry.nav(
            domain="decide", name="n", label="N", url_name="gallery", icon="x", count=lambda request: 12
        )
        monkeypatch.setitem(probes._degraded_checks, "sealer", lambda: "last run 90 s ago")
        client = signed_in(person(cast.organization()))
        text = client.get("/console/tray", headers={"HX-Request": "true"}).content.decode()
        for expected in ("Backtest", "40 %", "12 wait", "due soon", "last run 90 s ago", 'data-running="1"'):
            assert expected in text
        counts = json.loads(text.split('id="tray-counts" type="application/json">')[1].split("<")[0])
        assert counts["n"] == 12


class TestNotices:
    """Banners over every page."""

    def test_tell_of_maintenance_and_of_a_database_that_only_reads(
        self, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = signed_in(person(cast.organization()))
        assert "read-only" not in client.get("/gallery").content.decode()
        settings.DOS_MAINTENANCE = "Maintenance tonight at 22:00 <KST>"
        monkeypatch.setattr(console, "_is_read_only", lambda: True)
        text = client.get("/gallery").content.decode()
        assert "Maintenance tonight at 22:00 &lt;KST&gt;" in text
        assert "read-only at the moment" in text


class TestPreferences:
    """Language and light."""

    def test_are_kept_by_the_browser(self, client: Client) -> None:
        client.post("/console/language", {"language": "ko", "next": "/login"})
        assert "로그인" in client.get("/login").content.decode()
        client.post("/console/theme", {"theme": "dark", "next": "/login"})
        assert 'data-theme="dark"' in client.get("/login").content.decode()

    def test_take_nothing_else_and_never_leave_the_site(self, client: Client) -> None:
        answer = client.post("/console/language", {"language": "xx", "next": "https://evil.example/"})
        assert answer["Location"] == "/"
        assert "django_language" not in answer.cookies
        assert "theme" not in client.post("/console/theme", {"theme": '"><script>'}).cookies

    def test_the_texts_of_scripts_come_in_the_language_asked_for(self, client: Client) -> None:
        answer = client.get("/console/catalogue.json?l=ko")
        assert answer.json()["catalog"]["Undo"] == "실행 취소"
        assert "max-age=31536000" in answer["Cache-Control"]
        assert client.get("/console/catalogue.json?l=xx").status_code == 400


class TestFailures:
    """Faults of pages."""

    @pytest.mark.parametrize(
        ("error", "status", "said"),
        [
            (OperationalError("gone"), 503, "Not available for the moment"),
            (errors.Conflict("Version 4 is active already."), 409, "Version 4 is active already."),
            (errors.Throttled(), 429, "Too many requests"),
            (errors.Invalid("No.", errors=[{"pointer": "/a", "message": "<b>"}]), 422, "&lt;b&gt;"),
        ],
    )
    def test_become_pages_that_say_what_to_do(self, error: Exception, status: int, said: str) -> None:
        request = RequestFactory().get("/somewhere")
        answer = middleware.ConsoleMiddleware(lambda r: failures.answer(r, error)).process_exception(
            request, error
        )
        assert answer is not None
        assert (answer.status_code, said in answer.content.decode()) == (status, True)
        assert "Reference" in answer.content.decode()

    def test_of_the_product_itself_show_nothing_of_it(self) -> None:
        request = RequestFactory().get("/somewhere")
        try:
            raise RuntimeError("secret detail")
        except RuntimeError:
            answer = failures.server_error(request)
        assert answer.status_code == 500
        assert "secret detail" not in answer.content.decode()
        assert "wrong on our side" in answer.content.decode()
