"""The correlation id: taken from the caller or made here, carried by HTTP, tasks, SQL comments and logs."""

from __future__ import annotations

import re
from contextvars import ContextVar

from decisionos.kernel import ids

HEADER = "X-Corr-ID"
_PATTERN = re.compile(r"[A-Za-z0-9._-]{1,64}")
_current: ContextVar[str] = ContextVar("correlation", default="")


def current() -> str:
    """Return the correlation id in force, or an empty text."""
    return _current.get()


def enter(given: str | None) -> str:
    """Put a correlation id in force; a missing or ill-formed one is replaced by a new one."""
    value = given if given and _PATTERN.fullmatch(given) else ids.uuid7().hex
    _current.set(value)
    return value
