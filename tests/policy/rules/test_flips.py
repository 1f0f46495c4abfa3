"""The nearest change that flips a decision."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.rules import flips
from policy.rules.compiling import Program


def applicant(score: int, dti: float, verified: bool = True, **more: Any) -> dict[str, Any]:
    return {"credit_score": score, "dti": dti, "income_verified": verified, **more}


class TestNearestFlip:
    @pytest.mark.parametrize(
        ("data", "towards", "path", "proposed"),
        [
            (applicant(640, 0.30), "approve", "credit_score", 650),
            (applicant(540, 0.30), "review", "credit_score", 550),
            (applicant(540, 0.30), "approve", "credit_score", 650),
            (applicant(700, 0.46), "approve", "dti", 0.45),
            (applicant(700, 0.62), "review", "dti", 0.6),
            (applicant(660, 0.30), "reject", "credit_score", 549),
            (applicant(720, 0.30, region="BSN"), "approve", "region", "other"),
            (applicant(660, 0.30, verified=False), "approve", "income_verified", True),
        ],
    )
    def test_is_the_smallest_step_over_a_threshold(
        self, program: Program, data: dict[str, Any], towards: str, path: str, proposed: Any
    ) -> None:
        found = {flip.path: flip for flip in flips.find_flips(program, data, towards=towards)}
        assert found[path].proposed == proposed

    def test_solves_comparisons_of_two_fields(self, program: Program) -> None:
        data = applicant(720, 0.3, income_monthly=5_000_000, target_amt=120_000_000)
        found = {flip.path: flip.proposed for flip in flips.find_flips(program, data, towards="approve")}
        assert found["target_amt"] == 100_000_000
        assert found["income_monthly"] == 6_000_000

    def test_is_none_where_no_single_change_helps(self, program: Program) -> None:
        assert flips.nearest_flip(program, applicant(500, 0.9), towards="approve") is None

    @settings(max_examples=60, deadline=None)
    @given(
        score=st.integers(0, 1000),
        dti=st.floats(0, 5),
        verified=st.booleans(),
        more=st.fixed_dictionaries({}, optional={"region": st.sampled_from(["SEO", "BSN"])}),
    )
    def test_really_flips_within_the_contract(
        self, program: Program, score: int, dti: float, verified: bool, more: dict[str, Any]
    ) -> None:
        data = applicant(score, dti, verified, **more)
        before = program.decide(data).decision_class
        for flip in flips.find_flips(program, data):
            after = program.decide(flips.changed(data, flip.path, flip.proposed))
            assert after.decision_class == flip.decision_class != before
            assert flip.path != "credit_score" or 0 <= flip.proposed <= 1000
