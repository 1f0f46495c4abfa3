"""The page of traceability: marks are found where they stand, and each names a requirement."""

from __future__ import annotations

from pathlib import Path

from tests import trace

SOURCE = """
import pytest
pytestmark = [pytest.mark.django_db, pytest.mark.requirement("Z-1")]

@pytest.mark.requirement("Z-2")
class TestThing:
    @pytest.mark.requirement("Z-3")
    def test_holds(self): ...

@pytest.mark.requirement("Z-3")
def test_alone(): ...
"""


class TestTrace:
    def test_finds_marks_of_file_class_and_function(self, tmp_path: Path) -> None:
        (tmp_path / "test_x.py").write_text(SOURCE)
        assert trace.collect(tmp_path, tmp_path) == {
            "Z-1": ["test_x.py"],
            "Z-2": ["test_x.py::TestThing"],
            "Z-3": ["test_x.py::TestThing::test_holds", "test_x.py::test_alone"],
        }

    def test_says_not_yet_where_nothing_proves_it(self) -> None:
        page = trace.render([{"id": "Z-9", "gate": "Z", "text": "a | b"}], {})
        assert "| Z-9 | Z | a \\| b | not yet |" in page
        assert "0 of 1 requirements" in page

    def test_every_mark_of_the_suite_names_a_requirement(self) -> None:
        assert trace.unknown(trace.requirements(), trace.collect()) == []

    def test_the_list_has_every_requirement_once(self) -> None:
        ids = [row["id"] for row in trace.requirements()]
        assert len(ids) == len(set(ids)) == 491
