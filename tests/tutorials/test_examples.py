"""The worked examples of the documentation run as they stand."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md") if "```python\n>>> " in path.read_text())
OPTIONS = doctest.ELLIPSIS


class TestExamples:
    """Python in the explanation pages."""

    def test_are_there_for_each_hard_algorithm(self) -> None:
        named = {path.relative_to(ROOT / "docs").as_posix() for path in PAGES}
        assert {f"explanation/{name}.md" for name in ("backtests", "ledger", "rule-language")} <= named

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
    def test_give_what_the_page_says(self, page: Path) -> None:
        text = "\n\n".join(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
        test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
        said: list[str] = []
        result = doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=said.append)
        assert result.attempted > 3
        assert result.failed == 0, "".join(said)
