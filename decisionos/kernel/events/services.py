"""Publish in the caller's transaction; relay what waits."""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from decisionos.kernel import clock, correlation
from decisionos.kernel.events import registry
from decisionos.kernel.events.models import Delivery, Event
from decisionos.kernel.tenants import scope

_log = logging.getLogger("decisionos.events")
MOST_ATTEMPTS = 20
GROUP = 200


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, uuid.UUID | Decimal | dt.datetime | dt.date):
        return value.isoformat() if isinstance(value, dt.date) else str(value)
    return value


def payload_of(event: Any) -> dict[str, Any]:
    """Return an event dataclass as JSON values."""
    plain: dict[str, Any] = _plain(dataclasses.asdict(event))
    return plain


def publish(event: Any) -> Event:
    """Write an event into the outbox, in the caller's transaction and scope."""
    scope.require()
    return Event.objects.create(name=event.name, payload=payload_of(event), corr_id=correlation.current())


def relay(*, limit: int = 2_000, now: dt.datetime | None = None) -> int:
    """Deliver waiting events to their subscribers; returns how many events are done.

    Several relays may run at once: each takes rows that nobody else holds. An event whose subscriber fails
    is tried again later, with growing pauses, and holds up no other. A relay that dies in the middle of a
    group leaves the whole group waiting; the notes of delivery keep every effect from happening twice.
    """
    moment = now or clock.now()
    done = 0
    while done < limit:
        with transaction.atomic(using="platform"):
            group = list(
                Event.objects.using("platform")
                .select_for_update(skip_locked=True)
                .filter(relayed_at__isnull=True, attempts__lt=MOST_ATTEMPTS)
                .exclude(next_attempt_at__gt=moment)
                .order_by("id")[: min(GROUP, limit - done)]
            )
            if not group:
                return done
            delivered = [event.id for event in group if _settle(event, moment)]
            Event.objects.using("platform").filter(id__in=delivered).update(relayed_at=moment)
            done += len(delivered)
    return done


def _settle(event: Event, moment: dt.datetime) -> bool:
    """Return whether every subscriber has had the event; note the failure and the next attempt if not."""
    if not registry.subscribers_of(event.name):
        return True
    error = _deliver(event)
    if error is None:
        return True
    event.attempts += 1
    event.last_error = error[:500]
    event.next_attempt_at = moment + timedelta(seconds=min(2**event.attempts, 3600))
    event.save(using="platform", update_fields=["attempts", "last_error", "next_attempt_at"])
    return False


def _deliver(event: Event) -> str | None:
    """Hand an event to each subscriber that has not had it; returns the first failure."""
    failure = None
    correlation.enter(event.corr_id)
    for name, handler in registry.subscribers_of(event.name).items():
        try:
            with scope.tenant_scope(event.tenant_id):
                _, fresh = Delivery.objects.get_or_create(
                    tenant_id=event.tenant_id, event_id=event.id, subscriber=name
                )
                if fresh:
                    handler(event.payload)
        except Exception as error:  # noqa: BLE001  one subscriber must not stop the others
            _log.exception("subscriber failed", extra={"event": event.name, "subscriber": name})
            failure = failure or f"{name}: {error}"
    return failure
