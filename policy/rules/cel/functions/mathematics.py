"""The `math` functions. Rounding is half away from zero; bits are those of 64-bit integers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from policy.rules.cel import values
from policy.rules.cel.functions.registry import add, overload
from policy.rules.cel.problems import EvaluationProblem, NoSuchOverload
from policy.rules.cel.values import UINT_MAX, Uint

Number = int | float


def _whole(function: Callable[[float], float]) -> Callable[[float], float]:
    def apply(value: float) -> float:
        if math.isnan(value) or math.isinf(value):
            return value
        return math.copysign(float(function(value)), value)

    return apply


def _half_away(value: float) -> float:
    cut = math.trunc(value)
    return cut if abs(value - cut) < 0.5 else cut + math.copysign(1, value)


def _sign(value: Number) -> Any:
    if isinstance(value, float):
        return value if math.isnan(value) else float((value > 0) - (value < 0))
    result = (value > 0) - (value < 0)
    return Uint(result) if isinstance(value, Uint) else result


add("math.ceil(double) -> double", _whole(math.ceil))
add("math.floor(double) -> double", _whole(math.floor))
add("math.trunc(double) -> double", _whole(math.trunc))
add("math.round(double) -> double", _whole(_half_away))
add("math.abs(int) -> int", lambda value: values.int64(abs(value)))
add("math.abs(uint) -> uint", lambda value: value)
add("math.abs(double) -> double", abs)
add("math.isNaN(double) -> bool", math.isnan)
add("math.isInf(double) -> bool", math.isinf)
add("math.isFinite(double) -> bool", math.isfinite)
for _kind in ("int", "uint", "double"):
    add(f"math.sign({_kind}) -> {_kind}", _sign)


@overload("math.sqrt(double) -> double", "math.sqrt(int) -> double", "math.sqrt(uint) -> double")
def square_root(value: Number) -> float:
    """Return the square root; NaN for a negative number."""
    return math.sqrt(value) if value >= 0 else math.nan


def _signed(bits: int) -> int:
    bits &= UINT_MAX
    return bits - 2**64 if bits >= 2**63 else bits


for _name, _operation in {
    "bitAnd": lambda a, b: a & b,
    "bitOr": lambda a, b: a | b,
    "bitXor": lambda a, b: a ^ b,
}.items():
    add(f"math.{_name}(int, int) -> int", lambda a, b, f=_operation: _signed(f(int(a), int(b))))
    add(f"math.{_name}(uint, uint) -> uint", lambda a, b, f=_operation: Uint(f(int(a), int(b))))
add("math.bitNot(int) -> int", lambda value: ~int(value))
add("math.bitNot(uint) -> uint", lambda value: Uint(int(value) ^ UINT_MAX))


@overload("math.bitShiftLeft(int, int) -> int", "math.bitShiftLeft(uint, int) -> uint")
def shift_left(value: int, places: int) -> int:
    """Shift bits up; what leaves the 64 bits is lost."""
    shifted = 0 if _places(places) > 63 else int(value) << places
    return Uint(shifted & UINT_MAX) if isinstance(value, Uint) else _signed(shifted)


@overload("math.bitShiftRight(int, int) -> int", "math.bitShiftRight(uint, int) -> uint")
def shift_right(value: int, places: int) -> int:
    """Shift bits down, filling with zeros (also for negative numbers)."""
    shifted = 0 if _places(places) > 63 else (int(value) & UINT_MAX) >> places
    return Uint(shifted) if isinstance(value, Uint) else _signed(shifted)


def _places(places: int) -> int:
    if places < 0:
        raise EvaluationProblem(f"math.bitShift() negative offset: {places}")
    return places


@overload("math.greatest(A...) -> A")
def greatest(*numbers: Any) -> Any:
    """Return the largest of the numbers, or of one list of them; the first of equals."""
    return _extreme("math.greatest", numbers, 1)


@overload("math.least(A...) -> A")
def least(*numbers: Any) -> Any:
    """Return the smallest of the numbers, or of one list of them; the first of equals."""
    return _extreme("math.least", numbers, -1)


def _extreme(name: str, args: tuple[Any, ...], direction: int) -> Any:
    numbers = args[0] if len(args) == 1 and isinstance(args[0], list | tuple) else args
    if not numbers:
        raise EvaluationProblem(f"{name}(list) argument must not be empty")
    if not all(values.is_number(number) for number in numbers):
        raise NoSuchOverload(f"no such overload: {name} takes numbers")
    chosen = numbers[0]
    for number in numbers[1:]:
        if values.compare(number, chosen) == direction:
            chosen = number
    return chosen
