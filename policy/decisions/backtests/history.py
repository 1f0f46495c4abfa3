"""The inputs of decisions already made, opened in bulk: one COPY per reader, the seal's header read once.

What must stay true: rows come in the order of their ids, whatever reader is faster; only the input leaves a
reader, through a pipe and never through a file; readers see exactly the rows of the tenant, by the same
row-level security as everybody. Above ``FEW`` rows other processes do the opening, so that each core has one.
"""

from __future__ import annotations

import datetime
import os
import queue
import struct
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings
from django.db import connection

from decisionos.kernel import encryption, errors
from decisionos.kernel.tenants import scope
from policy.decisions.backtests import reader
from policy.decisions.backtests.sources import LINES, Source
from policy.decisions.models import Decision
from policy.decisions.pipeline import SEALED_CONTEXT

FEW, MOST_READERS = 20_000, 8
ROOT = Path(__file__).resolve().parent.parent.parent.parent
_LENGTHS = struct.Struct("!II")


class HistoryBroken(errors.Unavailable):
    """A reader of the history stopped before its end."""

    code = "backtest_history_broken"
    title = "The history could not be read to its end"


@dataclass(slots=True)
class History:
    """The decisions of a contract in a window of time, as lines of JSON."""

    tenant_id: uuid.UUID
    contract: str
    start: datetime.datetime | None = None
    end: datetime.datetime | None = None
    ids: list[bytes] = field(default_factory=list)

    def source(self) -> Source:
        """Return the lines as a source."""
        return Source(LINES, name="history", open_lines=self.blocks, ids=self.names)

    def names(self) -> list[str]:
        """Return the id of each decision, in the order of the rows last read."""
        return [str(uuid.UUID(bytes=item)) for block in self.ids for item in _pieces(block)]

    def _rows(self) -> Any:
        found = Decision.objects.filter(contract=self.contract)
        if self.start is not None:
            found = found.filter(decided_at__gte=self.start)
        return found.filter(decided_at__lt=self.end) if self.end is not None else found

    def ranges(self) -> list[tuple[uuid.UUID, uuid.UUID]]:
        """Return ranges of ids with about as many rows each, both ends included."""
        rows = self._rows().order_by("id").values_list("id", flat=True)
        count = rows.count()
        if not count:
            return []
        readers = 1 if count <= FEW else min(os.cpu_count() or 1, MOST_READERS)
        starts = [rows[count * at // readers] for at in range(readers)]
        # Decisions made from now on have later ids and are not part of this.
        last = rows.last()
        return [
            (first, _before(after) if after else last)
            for first, after in zip(starts, [*starts[1:], None], strict=True)
        ]

    def blocks(self) -> Iterator[bytes]:
        """Return blocks of lines from the start; raises HistoryBroken, SealBroken."""
        self.ids = []
        with scope.tenant_scope(self.tenant_id):
            ranges = self.ranges()
        asks = [self._ask(first, last) for first, last in ranges]
        if len(asks) == 1:
            opener = encryption.opener(context=SEALED_CONTEXT)
            found: Iterator[tuple[bytes, bytes]] = reader.read(asks[0], opener)
        else:
            found = _from_processes(asks)
        for names, block in found:
            self.ids.append(names)
            yield block

    def _ask(self, first: uuid.UUID, last: uuid.UUID) -> reader.Ask:
        given = {
            name: value
            for name, value in connection.get_connection_params().items()
            if name in {"host", "port", "user", "password", "dbname"} and value
        }
        return reader.Ask(
            connection=given,
            tenant=str(self.tenant_id),
            contract=self.contract,
            first=str(first),
            last=str(last),
            start=self.start.isoformat() if self.start else "",
            end=self.end.isoformat() if self.end else "",
        )


def _before(value: uuid.UUID) -> uuid.UUID:
    return uuid.UUID(int=value.int - 1)


def _pieces(block: bytes) -> Iterator[bytes]:
    return (block[at : at + 16] for at in range(0, len(block), 16))


def _from_processes(asks: list[reader.Ask]) -> Iterator[tuple[bytes, bytes]]:
    """Return what readers send, one reader after the other; they all work at once."""
    children = [_Child(ask) for ask in asks]
    try:
        for child in children:
            yield from child.blocks()
    finally:
        for child in children:
            child.stop()


class _Child:
    """One reader in a process of its own, and what it sent so far."""

    def __init__(self, ask: reader.Ask) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "policy.decisions.backtests.reader"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
        )
        # The keys go through a pipe: an argument or the environment could be read by others.
        self.said = orjson.dumps({**ask.as_json(), "ring": getattr(settings, encryption.VARIABLE, "")})
        self.held: queue.SimpleQueue[tuple[bytes, bytes] | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._take, name="history-reader", daemon=True)
        self.thread.start()

    def _take(self) -> None:
        given, found = self.process.stdin, self.process.stdout
        try:
            if given is None or found is None:
                return
            given.write(self.said)
            given.close()
            while head := found.read(_LENGTHS.size):
                names, lines = _LENGTHS.unpack(head)
                self.held.put((found.read(names), found.read(lines)))
        except (OSError, ValueError, struct.error):
            self.process.kill()
        finally:
            self.held.put(None)

    def blocks(self) -> Iterator[tuple[bytes, bytes]]:
        """Return the blocks of this reader; raises HistoryBroken where it did not come to its end."""
        while (item := self.held.get()) is not None:
            yield item
        code = self.process.wait()
        if code == reader.SEAL_BROKEN:
            raise encryption.SealBroken("A decision of the history cannot be opened.")
        if code:
            raise HistoryBroken("A reader stopped.")

    def stop(self) -> None:
        """End the reader if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.thread.join()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
