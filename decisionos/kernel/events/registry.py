"""Who listens to which event. Filled from each app's ``subscribers.py`` at start-up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Handler = Callable[[dict[str, Any]], None]
_subscribers: dict[str, dict[str, Handler]] = {}


def subscriber(event_name: str) -> Callable[[Handler], Handler]:
    """Register a function that gets the payload of every event of that name, in the event's tenant scope."""

    def register(handler: Handler) -> Handler:
        _subscribers.setdefault(event_name, {})[f"{handler.__module__}.{handler.__qualname__}"] = handler
        return handler

    return register


def subscribers_of(event_name: str) -> dict[str, Handler]:
    """Return the handlers of an event by their full name."""
    return dict(_subscribers.get(event_name, {}))
