"""The outbox: events are rows of the transaction that caused them, delivered at least once.

What must stay true: an event exists exactly when its cause was committed; a subscriber's effect and the
note that it happened are one transaction, so that a repeat has no second effect.
"""

from decisionos.kernel.events.registry import subscriber, subscribers_of

__all__ = ["subscriber", "subscribers_of"]
