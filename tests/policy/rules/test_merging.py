"""Three texts into one: nothing that either wrote is lost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from policy.rules import merging

LINES = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), max_size=8).map(
    lambda x: "".join(f"{i}\n" for i in x)
)
BASE = "one\ntwo\nthree\nfour\nfive\n"


class TestMerge:
    def test_takes_what_only_one_changed(self) -> None:
        mine, theirs = BASE.replace("two", "2"), BASE.replace("five", "5")
        merged = merging.merge(base=BASE, mine=mine, theirs=theirs)
        assert merged.is_clean
        assert merged.text == "one\n2\nthree\nfour\n5\n"

    def test_keeps_both_where_both_changed_the_same_line(self) -> None:
        merged = merging.merge(base=BASE, mine=BASE.replace("two", "2"), theirs=BASE.replace("two", "zwei"))
        assert merged.conflicts == (merging.Conflict(2, ("2",), ("zwei",)),)
        assert merged.text.splitlines()[1:6] == [merging.MINE, "2", merging.BETWEEN, "zwei", merging.THEIRS]

    def test_takes_the_same_change_once(self) -> None:
        mine = BASE.replace("two", "2")
        assert merging.merge(base=BASE, mine=mine, theirs=mine).text == mine

    def test_joins_two_additions_at_different_places(self) -> None:
        merged = merging.merge(base=BASE, mine="zero\n" + BASE, theirs=BASE + "six\n")
        assert merged.text == "zero\n" + BASE + "six\n"

    @given(LINES, LINES)
    @settings(max_examples=200, deadline=None)
    def test_one_side_unchanged_gives_the_other(self, base: str, other: str) -> None:
        assert merging.merge(base=base, mine=other, theirs=base).text.splitlines() == other.splitlines()
        assert merging.merge(base=base, mine=base, theirs=other).text.splitlines() == other.splitlines()

    @given(LINES, LINES, LINES)
    @settings(max_examples=200, deadline=None)
    def test_every_new_line_of_both_is_in_the_result(self, base: str, mine: str, theirs: str) -> None:
        merged = merging.merge(base=base, mine=mine, theirs=theirs).text.splitlines()
        for text in (mine, theirs):
            for line in set(text.splitlines()) - set(base.splitlines()):
                assert line in merged

    @given(LINES, LINES, LINES)
    @settings(max_examples=100, deadline=None)
    def test_the_sides_may_be_exchanged(self, base: str, mine: str, theirs: str) -> None:
        one = merging.merge(base=base, mine=mine, theirs=theirs)
        two = merging.merge(base=base, mine=theirs, theirs=mine)
        assert [(c.mine, c.theirs) for c in one.conflicts] == [(c.theirs, c.mine) for c in two.conflicts]
