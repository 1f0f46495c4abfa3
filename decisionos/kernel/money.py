"""Money: a decimal amount and its currency. No float ever enters; rounding happens only where it is asked.

What must stay true: amounts of two currencies never mix, and ``allocate`` loses and invents nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from decisionos.kernel import errors

# ISO 4217 currencies whose minor unit is not two digits.
_EXPONENTS = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0,
    "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
    "CLF": 4, "UYW": 4,
}  # fmt: skip

HALF_UP = ROUND_HALF_UP
HALF_EVEN = ROUND_HALF_EVEN


class MoneyInvalid(errors.Invalid):
    """This is not an amount of money."""

    code = "money_invalid"
    title = "Not an amount of money"


class CurrencyMismatch(errors.Invalid):
    """Two currencies cannot be added or compared."""

    code = "currency_mismatch"
    title = "The currencies differ"


def exponent(currency: str) -> int:
    """Return how many decimal places the currency's minor unit has."""
    return _EXPONENTS.get(currency, 2)


def decimal(value: Decimal | int | str) -> Decimal:
    """Return a finite decimal; raises MoneyInvalid for floats, booleans, NaN and nonsense."""
    if isinstance(value, bool | float) or not isinstance(value, Decimal | int | str):
        raise MoneyInvalid(f"An amount must be a decimal, an integer or text, not {type(value).__name__}.")
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise MoneyInvalid(f"{value!r} is not a number.") from error
    if not number.is_finite():
        raise MoneyInvalid("An amount must be finite.")
    return number


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in one currency (ISO 4217 code)."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount", decimal(self.amount))
        code = self.currency
        if not (
            isinstance(code, str) and len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()
        ):
            raise MoneyInvalid(f"{code!r} is not a currency code of three capital letters.")

    @classmethod
    def zero(cls, currency: str) -> Money:
        """Return nothing, in a currency."""
        return cls(Decimal(0), currency)

    @classmethod
    def from_minor(cls, units: int, currency: str) -> Money:
        """Return the amount of a whole number of minor units (cents, won)."""
        return cls(Decimal(units).scaleb(-exponent(currency)), currency)

    def minor(self) -> int:
        """Return the whole number of minor units; raises MoneyInvalid where a fraction is left."""
        scaled = self.amount.scaleb(exponent(self.currency))
        if scaled != scaled.to_integral_value():
            raise MoneyInvalid(f"{self} is not a whole number of minor units: round it first.")
        return int(scaled)

    def rounded(self, rounding: str = HALF_UP) -> Money:
        """Return the amount rounded to the currency's minor unit."""
        quantum = Decimal(1).scaleb(-exponent(self.currency))
        return Money(self.amount.quantize(quantum, rounding=rounding), self.currency)

    def allocate(self, weights: Sequence[Decimal | int]) -> list[Money]:
        """Split into parts proportional to the weights that sum exactly to the rounded whole.

        Every part is cut down to the minor unit; the units left go to the largest remainders, the earlier
        part first. Raises MoneyInvalid where no weight is positive or one is negative.
        """
        shares = [decimal(weight) for weight in weights]
        total = sum(shares, Decimal(0))
        if total <= 0 or any(share < 0 for share in shares):
            raise MoneyInvalid("Weights must not be negative, and one must be positive.")
        units = self.rounded().minor()
        sign, units = (-1 if units < 0 else 1), abs(units)
        # Exact rational arithmetic: integers scaled by the weights' common denominator.
        scale = Decimal(10) ** max(0, *(-int(share.as_tuple().exponent) for share in shares))
        whole = [int(share * scale) for share in shares]
        below = [divmod(units * share, sum(whole)) for share in whole]
        left = units - sum(quotient for quotient, _ in below)
        order = sorted(range(len(below)), key=lambda index: (-below[index][1], index))
        extra = set(order[:left])
        return [
            Money.from_minor(sign * (quotient + (index in extra)), self.currency)
            for index, (quotient, _) in enumerate(below)
        ]

    def _same(self, other: Money) -> Decimal:
        if not isinstance(other, Money):
            raise MoneyInvalid(f"Money cannot be combined with {type(other).__name__}.")
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} do not mix.")
        return other.amount

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other), self.currency)

    def __mul__(self, factor: Decimal | int) -> Money:
        return Money(self.amount * decimal(factor), self.currency)

    __rmul__ = __mul__

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.amount > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.amount >= self._same(other)

    def __bool__(self) -> bool:
        return self.amount != 0

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"

    def as_json(self) -> dict[str, Any]:
        """Return the form for APIs and ledger payloads: text, so that no reader makes a float of it."""
        return {"amount": f"{self.amount:f}", "currency": self.currency}
