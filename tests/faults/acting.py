"""What the fault tests run as processes of their own: a sealer, and a worker with a slow subscriber.

``python -m tests.faults.acting seal`` seals until it is ended; ``publish TENANT`` puts three events into the
outbox and a relay into the queue ``faults``; ``celery -A tests.faults.acting worker -Q faults`` relays them.
The subscriber stops in the middle of its effect, and says so, until a gate is open.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "decisionos.settings")
django.setup()

from decisionos.celery import app  # noqa: E402  Django comes first
from decisionos.kernel.events import services, subscriber  # noqa: E402
from decisionos.kernel.ledger import sealing  # noqa: E402
from decisionos.kernel.ledger import services as ledger  # noqa: E402
from decisionos.kernel.tenants import scope  # noqa: E402

FOLDER = Path(os.environ["DOS_DATA_DIR"])
__all__ = ["app"]


@dataclass(frozen=True)
class Happened:
    """An event of these tests."""

    name: ClassVar[str] = "faults.happened"
    what: str


@subscriber("faults.happened")
def note(payload: dict[str, Any]) -> None:
    """Have an effect, and stop in its middle while the gate is closed."""
    ledger.append(kind="faults.effect", payload={"what": payload["what"]})
    if payload["what"] == "two" and not (FOLDER / "gate").exists():
        (FOLDER / "middle").write_text(str(os.getpid()))
        while True:
            signal.pause()


def publish(tenant: str) -> None:
    """Put three events into the outbox, and ask for their delivery."""
    with scope.tenant_scope(uuid.UUID(tenant)):
        for what in ("one", "two", "three"):
            services.publish(Happened(what))
    app.send_task("decisionos.kernel.events.tasks.relay_events", queue="faults")


def seal() -> None:
    """Seal whatever waits, again and again, and count it."""
    mark = FOLDER / f"sealing-{os.getpid()}"
    mark.touch()
    total = 0
    ends = False

    def end(number: int, frame: Any) -> None:
        nonlocal ends
        ends = True

    signal.signal(signal.SIGTERM, end)
    while not ends:
        total += sealing.seal_all()
        mark.write_text(str(total))
        time.sleep(0.01)


if __name__ == "__main__":
    if sys.argv[1] == "seal":
        seal()
    else:
        publish(sys.argv[2])
