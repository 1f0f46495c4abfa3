"""The nearest change that flips a decision: it is tried, it is allowed, and it is the smallest found."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.decisions import nearest, pipeline
from tests.policy.lending import APPROVED, REJECTED, lending_contract

LENDING = lending_contract()
APPLICANTS = st.fixed_dictionaries(
    {
        "credit_score": st.integers(300, 900),
        "dti": st.floats(0, 1.5).map(lambda number: round(number, 3)),
        "income_verified": st.booleans(),
    }
)
CHANGES: list[dict[str, Any]] = [
    *({"credit_score": score} for score in (300, 549, 550, 599, 600, 649, 650, 699, 700, 900)),
    *({"dti": dti} for dti in (0.0, 0.35, 0.36, 0.45, 0.46, 0.6, 0.61, 1.5)),
    *({"income_verified": verified} for verified in (True, False)),
]


def kind_of(data: dict[str, Any]) -> str:
    """Return the class of one application."""
    return LENDING.program.decide(LENDING.check(data)).decision_class


class TestNearestFlip:
    """One field, changed as little as will do."""

    @given(APPLICANTS)
    @settings(max_examples=150, deadline=None)
    def test_gives_another_class_when_it_is_made(self, applicant: dict[str, Any]) -> None:
        data = LENDING.check(applicant)
        result = pipeline.result_of(LENDING, data)
        flip = result["nearest_flip"]
        if flip is None:
            assert {kind_of({**data, **change}) for change in CHANGES} == {result["class"]}
            return
        changed = LENDING.check({**data, flip["field"]: flip["to"]})
        assert LENDING.program.decide(changed).decision_class == flip["class"] != result["class"]
        assert flip["from"] == data[flip["field"]]

    @pytest.mark.parametrize(
        ("given_input", "field", "to", "kind"),
        [
            (APPROVED, "credit_score", 649, "review"),
            (REJECTED, "credit_score", 550, "review"),
            ({"credit_score": 655, "dti": 0.2, "income_verified": True}, "credit_score", 649, "review"),
            ({"credit_score": 690, "dti": 0.1, "income_verified": False}, "credit_score", 700, "approve"),
        ],
    )
    def test_is_the_smallest(self, given_input: dict[str, Any], field: str, to: object, kind: str) -> None:
        flip = pipeline.result_of(LENDING, LENDING.check(given_input))["nearest_flip"]
        assert (flip["field"], flip["to"], flip["class"]) == (field, to, kind)

    def test_turns_a_yes_into_a_no_where_no_number_is_nearer(self) -> None:
        def decide(data: dict[str, Any]) -> Any:
            return SimpleNamespace(decision_class="approve" if data["verified"] else "review")

        flip = nearest.nearest_flip(
            (nearest.Turning("verified", flag="docs"),), decide, lambda _: True, {"verified": False}, "review"
        )
        assert flip == {"field": "verified", "from": False, "to": True, "class": "approve", "rule": "docs"}

    def test_never_proposes_what_the_contract_would_refuse(self) -> None:
        def decide(data: dict[str, Any]) -> Any:
            return SimpleNamespace(decision_class="approve" if data["score"] > 1000 else "review")

        turning = nearest.Turning("score", whole=((1001, "high"),))
        allowed = nearest.nearest_flip((turning,), decide, lambda _: True, {"score": 900}, "review")
        refused = nearest.nearest_flip(
            (turning,), decide, lambda data: data["score"] <= 1000, {"score": 900}, "review"
        )
        assert (allowed is not None, refused) == (True, None)
