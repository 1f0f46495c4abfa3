"""Sums that were computed once for a state of the counts, kept in this process until the counts move on.

What must stay true: an answer is given again only while the organization's progress is the very same row of
the very same moment; the counts change in no other way, so what is kept is what would be computed.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from decisionos.kernel.tenants import scope
from policy.decisions.statistics.models import Progress

MOST = 512
T = TypeVar("T")
_lock = threading.Lock()
_kept: OrderedDict[tuple[Hashable, ...], Any] = OrderedDict()


def forget() -> None:
    """Compute everything again."""
    with _lock:
        _kept.clear()


def at_progress(name: str, *parts: Hashable, make: Callable[[], T]) -> T:
    """Return what ``make`` returns for the present state of the counts; ``parts`` say what was asked."""
    tenant = scope.require()
    state = Progress.objects.filter(tenant_id=tenant).values_list("seq", "updated_at").first()
    if state is None:
        return make()
    key = (tenant, state, name, *parts)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            found: T = _kept[key]
            return found
    made = make()
    with _lock:
        _kept[key] = made
        while len(_kept) > MOST:
            _kept.popitem(last=False)
    return made
