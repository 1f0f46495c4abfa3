"""Coverage of rules over rows."""

from __future__ import annotations

from policy.rules import coverage
from policy.rules.compiling import Program


class TestMeasure:
    def test_counts_hits_and_unmatched_rows(self, program: Program) -> None:
        rows = [
            {"credit_score": 720, "dti": 0.3, "income_verified": True},
            {"credit_score": 500, "dti": 0.3, "income_verified": True, "region": "BSN"},
            {"credit_score": 580, "dti": 0.3, "income_verified": True},
            {"credit_score": 610, "dti": 0.3, "income_verified": False},
        ]
        report = coverage.measure(program, rows)
        counted = {rule.rule: (rule.hits, rule.misses, rule.not_evaluated) for rule in report.rules}
        assert counted["reject_low_credit"] == (1, 3, 0)
        assert counted["region_guard"] == (1, 0, 3)
        assert report.unmatched_rows == (2,)
        assert report.coverage == round(5 / 12, 4)
        assert "reject_high_dti" in report.never_hit
        assert (report.priority_share, report.stop_share, report.class_share) == (1.0, round(4 / 12, 4), 1.0)
        assert report.as_dict()["rows"] == 4

    def test_of_no_rows_is_nothing(self, program: Program) -> None:
        report = coverage.measure(program, [])
        assert (report.rows, report.coverage, report.unmatched_rows) == (0, 0.0, ())
