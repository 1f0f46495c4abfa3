"""The six lending rules and the guards: golden cases, boundaries, and what missing data does."""

from __future__ import annotations

from typing import Any

import pytest

from policy.rules.compiling import Program


def applicant(score: int, dti: float, verified: bool = True, **more: Any) -> dict[str, Any]:
    return {"credit_score": score, "dti": dti, "income_verified": verified, **more}


@pytest.mark.requirement("A-D4")
class TestGoldenCases:
    @pytest.mark.parametrize(
        ("data", "decision_class", "reasons"),
        [
            (applicant(720, 0.30), "approve", ["strong_credit_and_low_dti"]),
            (applicant(520, 0.30), "reject", ["credit_score_below_threshold"]),
            (applicant(540, 0.30), "reject", ["credit_score_below_threshold"]),
            (applicant(640, 0.44, verified=False), "review", ["income_unverified", "borderline_credit"]),
            (applicant(549, 0.10), "reject", ["credit_score_below_threshold"]),
            (applicant(550, 0.30), "review", ["no_rule_matched"]),
            (applicant(599, 0.30), "review", ["no_rule_matched"]),
            (applicant(600, 0.30), "review", ["borderline_credit"]),
            (applicant(649, 0.30), "review", ["borderline_credit"]),
            (applicant(650, 0.45), "approve", ["adequate_credit_and_dti_with_docs"]),
            (applicant(650, 0.46), "review", ["no_rule_matched"]),
            (applicant(700, 0.35), "approve", ["strong_credit_and_low_dti"]),
            (applicant(700, 0.36), "approve", ["adequate_credit_and_dti_with_docs"]),
            (applicant(700, 0.60), "review", ["no_rule_matched"]),
            (applicant(700, 0.61), "reject", ["debt_to_income_too_high"]),
            (applicant(660, 0.40, verified=False), "review", ["income_unverified"]),
            (applicant(720, 0.30, verified=False), "approve", ["strong_credit_and_low_dti"]),
            (applicant(0, 0), "reject", ["credit_score_below_threshold"]),
            (applicant(1000, 5), "reject", ["debt_to_income_too_high"]),
        ],
    )
    def test_decide_as_agreed(
        self, program: Program, data: dict[str, Any], decision_class: str, reasons: list[str]
    ) -> None:
        outcome = program.decide(data)
        assert outcome.decision_class == decision_class
        assert list(outcome.reasons) == reasons
        assert outcome == program.reference(data)
        assert program.explain(data) == program.reference_traced(data)

    def test_confidence_and_documents_come_from_the_matching_rules(self, program: Program) -> None:
        outcome = program.decide(applicant(640, 0.44, verified=False))
        assert outcome.confidence == 0.55
        assert outcome.required_docs == ("income_proof", "bank_statements", "identity")

    def test_an_approval_asks_for_no_documents(self, program: Program) -> None:
        assert program.decide(applicant(720, 0.3)).required_docs == ()

    def test_nothing_matched_is_an_unsure_review_with_the_checklist(self, program: Program) -> None:
        outcome = program.decide(applicant(580, 0.5))
        assert (outcome.confidence, outcome.required_docs) == (0.5, ("identity", "income_proof"))


@pytest.mark.requirement("A-D0")
class TestGuards:
    RICH = {"estimated_value": 500_000_000, "senior_loan_amt": 100_000_000, "target_amt": 50_000_000}
    CALM = {**RICH, "income_monthly": 5_000_000, "region": "SEO", "purpose": "refinance"}

    def test_a_calm_application_keeps_its_approval(self, program: Program) -> None:
        outcome = program.decide(applicant(720, 0.3, **self.CALM))
        assert outcome.decision_class == "approve"
        assert outcome.not_evaluated == []

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"region": "BSN"}, "region_additional_check"),
            ({"purpose": "investment"}, "investment_additional_review"),
            ({"income_monthly": 1_999_999, "target_amt": 30_000_000}, "income_below_floor"),
            ({"target_amt": 100_000_001}, "dsr_above_threshold"),
            ({"senior_loan_amt": 300_000_001}, "high_senior_exposure"),
            ({"senior_loan_amt": 350_000_001}, "ltv_above_cap"),
        ],
    )
    def test_each_guard_turns_an_approval_into_a_review(
        self, program: Program, change: dict[str, Any], reason: str
    ) -> None:
        outcome = program.decide(applicant(720, 0.3, **{**self.CALM, **change}))
        assert outcome.decision_class == "review"
        assert reason in outcome.reasons
        assert outcome.confidence == 0.6

    @pytest.mark.parametrize(
        "change",
        [
            {"income_monthly": 2_000_000, "target_amt": 40_000_000},
            {"target_amt": 100_000_000},
            {"senior_loan_amt": 300_000_000},
            {"senior_loan_amt": 349_999_999},
        ],
    )
    def test_no_guard_for_its_threshold_itself(self, program: Program, change: dict[str, Any]) -> None:
        reasons = program.decide(applicant(720, 0.3, **{**self.CALM, **change})).reasons
        assert "ltv_above_cap" not in reasons
        assert "income_below_floor" not in reasons
        assert "dsr_above_threshold" not in reasons

    def test_never_soften_a_rejection(self, program: Program) -> None:
        outcome = program.decide(applicant(500, 0.3, region="BSN"))
        assert outcome.decision_class == "reject"
        assert list(outcome.reasons) == ["credit_score_below_threshold", "region_additional_check"]

    def test_missing_data_is_noted_with_its_cause_and_changes_nothing(self, program: Program) -> None:
        outcome = program.decide(applicant(720, 0.3, target_amt=1))
        assert outcome.decision_class == "approve"
        causes = {item["rule"]: item["cause"] for item in outcome.not_evaluated}
        assert causes["region_guard"] == "missing: region"
        assert causes["dsr_guard"] == "missing: income_monthly"
        assert causes["ltv_cap"] == "missing: senior_loan_amt"


class TestTheSample:
    def test_has_the_agreed_quality(self, program: Program) -> None:
        rows = [
            (applicant(720, 0.30), 1),
            (applicant(520, 0.30), 0),
            (applicant(640, 0.44, verified=False), 0),
            (applicant(660, 0.40), 1),
            (applicant(610, 0.30), 0),
            (applicant(580, 0.30), 1),
        ]
        decided = [(program.decide(data).decision_class, label) for data, label in rows]
        rejects = [label for decision_class, label in decided if decision_class == "reject"]
        assert rejects.count(0) / len(rejects) == 1.0
        assert round(rejects.count(0) / sum(label == 0 for _, label in decided), 3) == 0.333
        assert sum(decision_class == "review" for decision_class, _ in decided) / len(decided) == 0.5
