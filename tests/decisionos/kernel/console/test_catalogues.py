"""Catalogues compiled without gettext's tools are what gettext reads; what every page says has Korean."""

from __future__ import annotations

import gettext
import io
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisionos.kernel.console import catalogues

ROOT = Path(__file__).resolve().parents[4]
SOURCE = r"""
# a comment
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=1; plural=0;\n"

#, python-format
msgid "%(n)s row"
msgid_plural "%(n)s rows"
msgstr[0] "%(n)s개 행"

msgctxt "verdict"
msgid "Approved"
msgstr "승인"

#, fuzzy
msgid "Guessed"
msgstr "추측"

msgid ""
"in "
"two \"parts\"\n"
msgstr "둘로 \"나뉜\"\n"

msgid "Empty"
msgstr ""
"""
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\4"), min_size=1, max_size=30)


def read(content: bytes) -> gettext.GNUTranslations:
    """Return what Python's own reader makes of a compiled catalogue."""
    return gettext.GNUTranslations(io.BytesIO(content))


class TestCompiling:
    """From .po to .mo."""

    def test_keeps_plurals_contexts_and_lines_and_drops_guesses(self) -> None:
        found = read(catalogues.encode(catalogues.parse(SOURCE)))
        assert found.ngettext("%(n)s row", "%(n)s rows", 5) == "%(n)s개 행"
        assert found.pgettext("verdict", "Approved") == "승인"
        assert found.gettext('in two "parts"\n') == '둘로 "나뉜"\n'
        assert found.gettext("Guessed") == "Guessed"
        assert found.gettext("Empty") == "Empty"

    @settings(deadline=None, max_examples=60)
    @given(st.dictionaries(texts, texts, max_size=20))
    def test_gives_back_what_went_in(self, messages: dict[str, str]) -> None:
        head = {"": "Content-Type: text/plain; charset=UTF-8\n"}
        found = read(catalogues.encode({**head, **messages}))
        assert {key: found.gettext(key) for key in messages} == messages

    def test_writes_only_what_changed_and_survives_a_bad_file(self, tmp_path: Path) -> None:
        folder = tmp_path / "locale" / "app" / "ko" / "LC_MESSAGES"
        folder.mkdir(parents=True)
        (folder / "django.po").write_text(SOURCE)
        (folder / "djangojs.po").write_text('msgid "unfinished')
        made = catalogues.compile_all(tmp_path / "locale", tmp_path / "made")
        assert [path.name for path in made] == ["django.mo"]
        assert catalogues.compile_all(tmp_path / "locale", tmp_path / "made") == []


CATALOGUES = sorted((ROOT / "locale").glob("*/ko/LC_MESSAGES/*.po"))


class TestKorean:
    """The translations that ship."""

    @pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: "/".join(path.parts[-4::3]))
    def test_keep_every_placeholder(self, path: Path) -> None:
        wrong = []
        for key, value in catalogues.parse(path.read_text()).items():
            if not key:
                continue
            source = key.rpartition("\4")[2].split("\0")
            wanted = set(re.findall(r"%\(\w+\)[sd]|%[sd]|\{\w+\}", source[-1]))
            if wanted != set(re.findall(r"%\(\w+\)[sd]|%[sd]|\{\w+\}", value)):
                wrong.append(source[0])
        assert wrong == []

    @pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: "/".join(path.parts[-4::3]))
    def test_leave_no_text_out(self, path: Path) -> None:
        entries = list(catalogues._entries(path.read_text()))
        empty = [
            fields["msgid"]
            for fields, fuzzy in entries
            if fields.get("msgid") and (fuzzy or not (fields.get("msgstr") or fields.get("msgstr[0]")))
        ]
        assert empty == []

    def test_say_everything_that_the_shell_says(self) -> None:
        known = {
            key.rpartition("\4")[2].split("\0")[0]
            for path in CATALOGUES
            for key in catalogues.parse(path.read_text())
        }
        said = set()
        for folder in (ROOT / "templates" / "console", ROOT / "templates" / "tenancy" / "identity"):
            for template in folder.rglob("*.html"):
                if template.name != "gallery.html":
                    said |= set(re.findall(r"""\{% translate ["'](.+?)["']""", template.read_text()))
        for script in (ROOT / "static" / "js" / "console").glob("*.js"):
            said |= set(re.findall(r"""gettext\("(.+?)\"""", script.read_text()))
        assert said - known == set()
