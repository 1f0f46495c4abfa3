"""How a check says that its control does not hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Failed(Exception):
    """The control is not in force; the text says what was seen."""


def require(holds: bool, otherwise: str) -> None:
    """Raise Failed unless the condition holds."""
    if not holds:
        raise Failed(otherwise)


def refused(
    act: Callable[[], Any], kinds: type[Exception] | tuple[type[Exception], ...], otherwise: str
) -> None:
    """Raise Failed unless the act is refused with one of the kinds."""
    try:
        act()
    except kinds:
        return
    raise Failed(otherwise)
