"""Money: exact, of one currency, and nothing lost in a split."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisionos.kernel import money
from decisionos.kernel.money import Money


class TestMoney:
    """One amount."""

    @pytest.mark.parametrize("amount", [1.5, True, "abc", "NaN", "Infinity", None])
    def test_refuses_what_is_not_an_exact_number(self, amount: Any) -> None:
        with pytest.raises(money.MoneyInvalid):
            Money(amount, "KRW")

    @pytest.mark.parametrize("currency", ["krw", "KR", "₩₩₩", "", "KRWW"])
    def test_refuses_what_is_not_a_currency_code(self, currency: str) -> None:
        with pytest.raises(money.MoneyInvalid):
            Money(Decimal(1), currency)

    def test_of_two_currencies_does_not_mix(self) -> None:
        with pytest.raises(money.CurrencyMismatch):
            Money(Decimal(1), "KRW") + Money(Decimal(1), "USD")

    def test_adds_multiplies_and_compares_exactly(self) -> None:
        total = Money(Decimal("0.1"), "USD") + Money(Decimal("0.2"), "USD")
        assert total == Money(Decimal("0.3"), "USD")
        assert total * 3 == Money(Decimal("0.9"), "USD")
        assert -total < total
        assert not Money.zero("USD")

    def test_rounds_to_the_minor_unit_of_its_currency(self) -> None:
        assert Money(Decimal("10.5"), "KRW").rounded() == Money(Decimal(11), "KRW")
        assert Money(Decimal("10.005"), "USD").rounded() == Money(Decimal("10.01"), "USD")
        assert Money(Decimal("10.005"), "USD").rounded(money.HALF_EVEN) == Money(Decimal("10.00"), "USD")
        assert Money(Decimal("1.2345"), "KWD").rounded() == Money(Decimal("1.235"), "KWD")

    def test_knows_its_minor_units_and_refuses_a_fraction_of_one(self) -> None:
        assert Money(Decimal("12.34"), "USD").minor() == 1234
        assert Money.from_minor(1234, "KRW") == Money(Decimal(1234), "KRW")
        with pytest.raises(money.MoneyInvalid):
            Money(Decimal("12.345"), "USD").minor()


class TestAllocate:
    """A split."""

    @given(
        st.integers(-(10**9), 10**9),
        st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(lambda weights: sum(weights) > 0),
    )
    @settings(max_examples=200, deadline=None)
    def test_sums_to_the_whole_and_is_never_a_unit_off(self, units: int, weights: list[int]) -> None:
        parts = Money.from_minor(units, "USD").allocate(weights)
        assert sum(part.minor() for part in parts) == units
        for part, weight in zip(parts, weights, strict=True):
            assert abs(Decimal(part.minor()) - Decimal(units) * weight / sum(weights)) <= 1

    def test_gives_the_unit_left_to_the_largest_remainder_and_then_to_the_first(self) -> None:
        assert [p.minor() for p in Money.from_minor(100, "USD").allocate([1, 1, 1])] == [34, 33, 33]
        assert [
            p.minor() for p in Money.from_minor(10, "USD").allocate([Decimal("0.5"), Decimal("0.25")])
        ] == [7, 3]

    @pytest.mark.parametrize("weights", [[], [0], [-1, 2]])
    def test_refuses_weights_that_share_nothing(self, weights: list[int]) -> None:
        with pytest.raises(money.MoneyInvalid):
            Money(Decimal(1), "USD").allocate(weights)
