"""Comparisons that can never hold, found from what a contract allows a field to be.

`credit_score < 250` is a legal expression, but where the contract says at least 300 it is a rule that never
fires: almost always a typing mistake, and worth refusing before it is published.
"""

from __future__ import annotations

from typing import Any

from policy.rules.cel import values
from policy.rules.cel.problems import NoSuchOverload
from policy.rules.cel.types import Domain

MIRRORED = {"==": "==", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def can_hold(domain: Domain, sign: str, constant: Any) -> bool:
    """Say whether some allowed value stands in the relation to the constant; True when in doubt."""
    if domain.values is not None:
        return any(_holds(value, sign, constant) for value in domain.values)
    if not values.is_number(constant) or constant != constant:  # noqa: PLR0124 (a NaN is not itself)
        return True
    low, high = domain.minimum, domain.maximum
    may_be_less = low is None or low < constant
    may_be_more = high is None or high > constant
    may_be_equal = (
        low is None or low < constant or (low == constant and not domain.is_minimum_exclusive)
    ) and (high is None or high > constant or (high == constant and not domain.is_maximum_exclusive))
    return {
        "==": may_be_equal,
        "<": may_be_less,
        "<=": may_be_less or may_be_equal,
        ">": may_be_more,
        ">=": may_be_more or may_be_equal,
    }[sign]


def _holds(value: Any, sign: str, constant: Any) -> bool:
    if sign == "==":
        return values.equal(value, constant)
    try:
        order = values.compare(value, constant)
    except NoSuchOverload:
        return False
    return order in {"<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (0, 1)}[sign]
