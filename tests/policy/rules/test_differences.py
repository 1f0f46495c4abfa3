"""Two versions in words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.rules import differences, naming
from policy.rules.rulesets import Action, Rule, Ruleset

LOW = Rule("low", "score < 550", Action("reject", ("low",), 0.9), priority=100, stop=True)
HIGH = Rule("high", "score >= 700 && dti <= 0.35", Action("approve", ("good",), 0.8), priority=50)
BASE = Ruleset("lending", (LOW, HIGH))


def told(after: Ruleset, before: Ruleset | None = BASE) -> list[str]:
    return [change.text for change in differences.describe(before, after)]


class TestDescribe:
    @pytest.mark.parametrize(
        ("rule", "text"),
        [
            (replace(LOW, when="score < 580"), "low: the limit on score goes up from 550 to 580."),
            (
                replace(LOW, when="score < 550 || dti > 2"),
                "low now holds when score < 550 || dti > 2; before when score < 550.",
            ),
            (
                replace(LOW, action=replace(LOW.action, decision_class="review")),
                "low now says review instead of reject.",
            ),
            (
                replace(LOW, action=replace(LOW.action, reasons=("low", "bad"))),
                "low: the reasons are now low, bad, before low.",
            ),
            (replace(LOW, stop=False), "low no longer stops: later rules are asked too."),
            (replace(LOW, on_missing="skip"), "low is now skipped where its data is missing."),
            (replace(LOW, name="too_low"), "low is now called too_low."),
        ],
    )
    def test_says_what_changed_in_a_rule(self, rule: Rule, text: str) -> None:
        assert told(Ruleset("lending", (rule, HIGH))) == [text]

    def test_says_what_came_and_went(self) -> None:
        new = Rule("mid", "score > 600", Action("review"))
        assert told(Ruleset("lending", (LOW, new))) == [
            "mid is new: review when score > 600.",
            "high was removed: it said approve when score >= 700 && dti <= 0.35.",
        ]
        assert len(told(BASE, None)) == 2

    def test_says_what_moved(self) -> None:
        first = replace(HIGH, priority=200)
        assert told(Ruleset("lending", (LOW, first))) == [
            "high: the priority goes from 50 to 200.",
            "high is now asked before low.",
        ]

    @given(
        st.permutations(
            [LOW, HIGH, Rule("a", "x", Action("review")), Rule("b", "y", Action("review"), priority=50)]
        ),
        st.integers(1, 4),
    )
    @settings(max_examples=100, deadline=None)
    def test_is_silent_only_where_the_rules_decide_alike(self, rules: list[Rule], count: int) -> None:
        after = Ruleset("lending", tuple(rules[:count]))
        changes = differences.describe(BASE, after)
        assert bool(changes) == (after.ordered() != BASE.ordered())


class TestText:
    def test_shows_lines_side_by_side(self) -> None:
        rows = differences.side_by_side("a\nb\nc\n", "a\nB\nc\n")
        assert [(row["op"], row["old"], row["new"]) for row in rows] == [
            ("same", 1, 1),
            ("removed", 2, None),
            ("added", None, 2),
            ("same", 3, 3),
        ]
        assert "+B" in differences.unified("a\nb\n", "a\nB\n")


class TestNaming:
    @pytest.mark.parametrize(
        ("base", "taken", "published", "expected"),
        [
            ("", (), False, "1.0.0"),
            ("1.0.0", ("1.0.0",), False, "1.0.1"),
            ("1.0.0", ("1.0.0", "1.0.1"), False, "1.0.2"),
            ("0.1.0", ("0.1.0",), True, "0.1.0-local.1"),
            ("0.1.0-local.1", ("0.1.0", "0.1.0-local.1", "0.1.0-local.2"), False, "0.1.0-local.3"),
            ("x", (), False, "1.0.0"),
        ],
    )
    def test_follows_the_base_and_leaves_the_publisher_its_names(
        self, base: str, taken: tuple[str, ...], published: bool, expected: str
    ) -> None:
        assert naming.next_version(base, taken, is_published=published) == expected
        assert naming.VERSION.match(expected)
