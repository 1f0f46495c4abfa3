"""The formulas of the evaluation, on counts small enough to check by hand."""

from __future__ import annotations

import pytest

from policy.decisions.backtests import metrics


def six_rows() -> metrics.Tally:
    tally = metrics.Tally()
    for decision_class, label in (
        ("reject", 0),
        ("review", 0),
        ("review", 0),
        ("review", 1),
        ("approve", 1),
        ("approve", 1),
    ):
        tally.add(decision_class, label)
    return tally


class TestSummarise:
    @pytest.mark.requirement("A-M2")
    @pytest.mark.requirement("A-D3")
    def test_gives_the_golden_figures_of_six_rows(self) -> None:
        found = metrics.summarise(six_rows())
        assert found["reject_precision"] == 1.0
        assert found["recall"] == pytest.approx(0.333, abs=0.001)
        assert found["review_rate"] == 0.5

    def test_knows_nothing_where_there_is_nothing(self) -> None:
        found = metrics.summarise(metrics.Tally(), ["a"])
        assert (found["reject_precision"], found["recall"], found["review_rate"]) == (None, None, None)
        assert found["rules"][0]["hits"] == 0

    def test_counts_an_unlabelled_row_for_the_review_rate_only(self) -> None:
        tally = six_rows()
        tally.add("review", None)
        found = metrics.summarise(tally)
        assert found["review_rate"] == round(4 / 7, 4)
        assert found["labelled"] == 6
        assert found["recall"] == pytest.approx(0.3333)

    def test_counts_hits_and_the_share_of_bad_per_rule(self) -> None:
        tally = metrics.Tally()
        tally.add("reject", 0, rules=["low"], count=3)
        tally.add("reject", 1, rules=["low"], not_evaluated=["other"])
        rule = metrics.summarise(tally, ["low", "other"])["rules"]
        assert (rule[0]["hits"], rule[0]["bad_share"], rule[1]["not_evaluated"]) == (4, 0.75, 1)


class TestGuard:
    @pytest.mark.parametrize(
        ("precision", "review", "failed"),
        [
            (0.80, 0.60, []),
            (0.79, 0.60, ["reject_precision"]),
            (0.80, 0.61, ["review_rate"]),
            (None, None, []),
        ],
    )
    def test_holds_up_to_its_bounds(
        self, precision: float | None, review: float | None, failed: list[str]
    ) -> None:
        assert metrics.guard(precision, review) == {"passed": not failed, "failed": failed}


class TestLabelOf:
    @pytest.mark.parametrize(
        ("value", "label"),
        [
            *((value, 1) for value in (1, "1", True, 1.0, "good")),
            *((value, 0) for value in (0, "0", False, 0.0, "bad")),
            *((value, None) for value in (None, "", 2, [1])),
        ],
    )
    def test_reads_what_columns_hold(self, value: object, label: int | None) -> None:
        assert metrics.label_of(value) == label
