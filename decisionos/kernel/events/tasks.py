"""The relay as a task; idempotent, and safe to run several times at once."""

from __future__ import annotations

from celery import shared_task

from decisionos.kernel.events import services


@shared_task(name="decisionos.kernel.events.tasks.relay_events")  # type: ignore[untyped-decorator]
def relay_events() -> int:
    """Deliver what waits in the outbox."""
    return services.relay()
