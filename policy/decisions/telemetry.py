"""Counters of decisions for Prometheus; they follow a decision and can fail without it.

``decisionos_decisions_total`` and ``decisionos_decision_seconds`` (from the request's body to the durable
row), by organization, contract and class.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter, Histogram

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
DECISIONS = Counter(
    "decisionos_decisions_total", "Decisions recorded.", ["tenant", "contract", "decision_class"]
)
SECONDS = Histogram(
    "decisionos_decision_seconds", "Seconds of one decision.", ["tenant", "contract"], buckets=_BUCKETS
)
_counters: dict[tuple[str, str, str], Counter] = {}
_timers: dict[tuple[str, str], Histogram] = {}


def note(tenant: str, contract: str, classes: Iterable[str]) -> None:
    """Count decisions by their classes."""
    for decision_class in classes:
        key = (tenant, contract, decision_class)
        counter = _counters.get(key)
        if counter is None:
            counter = _counters[key] = DECISIONS.labels(*key)
        counter.inc()


def note_seconds(tenant: str, contract: str, seconds: float) -> None:
    """Note how long one decision took."""
    key = (tenant, contract)
    timer = _timers.get(key)
    if timer is None:
        timer = _timers[key] = SECONDS.labels(*key)
    timer.observe(seconds)
