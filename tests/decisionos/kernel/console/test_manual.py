"""The documentation under /docs: only what was built, under the strictest policy that works."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from decisionos.kernel.console import manual

PAGE = b"""<html><head><style>a{}</style><script>one()</script><script src="x.js">ignored</script>
<script id="c" type="application/json">{}</script></head><body><p style="color:red">here</p></body></html>"""
pytestmark = pytest.mark.django_db


def quoted(text: bytes) -> str:
    """Return a hash as the policy writes it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"


@pytest.fixture
def site(tmp_path: Path, settings: Any) -> Path:
    """A built documentation in a data folder of its own."""
    settings.DOS_DATA_DIR, settings.BASE_DIR = tmp_path / "data", tmp_path / "code"
    made = tmp_path / "data" / "docs"
    (made / "how-to").mkdir(parents=True)
    (made / "index.html").write_bytes(PAGE)
    (made / "how-to" / "keys.html").write_bytes(PAGE)
    (made / "app.css").write_text("a{}")
    (tmp_path / "data" / "secrets.json").write_text("secret")
    return made


class TestPolicy:
    """What a page may do."""

    def test_names_exactly_the_inline_scripts_of_the_page(self) -> None:
        script = next(part for part in manual.policy_of(PAGE).split("; ") if part.startswith("script-src"))
        assert script == f"script-src 'self' {quoted(b'one()')}"

    def test_names_its_inline_styles(self) -> None:
        style = next(part for part in manual.policy_of(PAGE).split("; ") if part.startswith("style-src"))
        assert quoted(b"a{}") in style
        assert f"'unsafe-hashes' {quoted(b'color:red')}" in style

    def test_never_allows_what_is_not_hashed(self) -> None:
        assert "unsafe-inline" not in manual.policy_of(PAGE)
        assert "unsafe-eval" not in manual.policy_of(PAGE)
        assert "http" not in manual.policy_of(PAGE)


@pytest.mark.usefixtures("site")
class TestServing:
    """Who asks for a page."""

    def test_gets_the_first_one_without_signing_in(self) -> None:
        answer = Client().get("/docs/")
        assert answer.status_code == 200
        assert b"".join(answer.streaming_content) == PAGE
        assert quoted(b"one()") in answer["Content-Security-Policy"]

    def test_is_led_there(self) -> None:
        assert Client().get("/docs")["Location"] == "/docs/"

    def test_gets_other_files_under_the_common_policy(self) -> None:
        answer = Client().get("/docs/app.css")
        assert answer["Content-Type"].startswith("text/css")
        assert "sha256" not in answer["Content-Security-Policy"]

    def test_is_told_that_nothing_changed(self) -> None:
        tag = Client().get("/docs/how-to/keys.html")["ETag"]
        answer = Client().get("/docs/how-to/keys.html", headers={"If-None-Match": tag})
        assert answer.status_code == 304
        assert quoted(b"one()") in answer["Content-Security-Policy"]

    @pytest.mark.parametrize(
        "name", ["../secrets.json", "..%2fsecrets.json", "how-to/../../secrets.json", "no.html"]
    )
    def test_gets_nothing_from_elsewhere(self, name: str) -> None:
        assert Client().get(f"/docs/{name}").status_code == 404

    def test_changes_nothing(self) -> None:
        assert Client().post("/docs/").status_code == 405


class TestNotBuilt:
    """Where nobody built it."""

    def test_says_how(self, tmp_path: Path, settings: Any) -> None:
        settings.DOS_DATA_DIR, settings.BASE_DIR = tmp_path, tmp_path
        answer = Client().get("/docs/")
        assert answer.status_code == 404
        assert "make docs" in answer.content.decode()
