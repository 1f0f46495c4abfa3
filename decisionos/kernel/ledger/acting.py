"""Who is acting: set once at the door, noted by every entry that is written behind it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_actor: ContextVar[str] = ContextVar("ledger_actor", default="")


def current() -> str:
    """Return who is acting, or an empty text."""
    return _actor.get()


@contextlib.contextmanager
def acting(actor: str) -> Iterator[None]:
    """Note the actor for entries written in the block."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)
