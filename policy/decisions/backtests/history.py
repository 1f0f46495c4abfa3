"""The inputs of decisions already made, opened in bulk: slices of ids, one COPY for each.

What must stay true: rows come in the order of their ids, whatever slice is read first; only the input leaves
a reader, through a pipe and never through a file; readers see exactly the rows of the tenant, by the same
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
import psycopg
from django.conf import settings
from django.db import connection

from decisionos.kernel import encryption, errors
from decisionos.kernel.tenants import scope
from policy.decisions.backtests import reader
from policy.decisions.backtests.sources import LINES, Source
from policy.decisions.models import Decision
from policy.decisions.pipeline import SEALED_CONTEXT

FEW, MOST_READERS, SLICES = 20_000, 8, 8
ROOT = Path(__file__).resolve().parent.parent.parent.parent
Block = tuple[bytes, bytes]
"""The ids of some rows, 16 bytes each, and their lines."""


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

    def slices(self) -> list[tuple[uuid.UUID, uuid.UUID]]:
        """Return slices of ids, both ends included, in order; one where there are few rows.

        They are equally wide, not equally full: whoever is done takes the next, so that no count is needed.
        """
        rows = self._rows().order_by("id").values_list("id", flat=True)
        first, last = rows.first(), rows.last()
        if first is None or last is None:
            return []
        # Decisions made from now on have later ids and are not part of this.
        count = SLICES * _readers() if rows[FEW : FEW + 1].exists() else 1
        width = (last.int - first.int) // count + 1
        starts = [first.int + width * at for at in range(count)]
        ends = [min(start + width - 1, last.int) for start in starts]
        return [
            (uuid.UUID(int=low), uuid.UUID(int=high))
            for low, high in zip(starts, ends, strict=True)
            if low <= high
        ]

    def blocks(self) -> Iterator[bytes]:
        """Return blocks of lines from the start; raises HistoryBroken, SealBroken."""
        self.ids = []
        with scope.tenant_scope(self.tenant_id):
            asks = [self._ask(first, last) for first, last in self.slices()]
        for names, block in self._here(asks) if len(asks) < 2 else _Readers(asks).blocks():
            self.ids.append(names)
            yield block

    def _here(self, asks: list[reader.Ask]) -> Iterator[Block]:
        opener = encryption.opener(context=SEALED_CONTEXT)
        for ask in asks:
            with psycopg.connect(**_place(), autocommit=True) as own:
                yield from reader.read(ask, own, opener)

    def _ask(self, first: uuid.UUID, last: uuid.UUID) -> reader.Ask:
        return reader.Ask(
            tenant=str(self.tenant_id),
            contract=self.contract,
            first=str(first),
            last=str(last),
            start=self.start.isoformat() if self.start else "",
            end=self.end.isoformat() if self.end else "",
        )


def _readers() -> int:
    return min(os.cpu_count() or 1, MOST_READERS)


def _place() -> dict[str, Any]:
    """Return where the database is, as the serving role reaches it."""
    wanted = {"host", "port", "user", "password", "dbname"}
    return {
        name: value for name, value in connection.get_connection_params().items() if name in wanted and value
    }


def _pieces(block: bytes) -> Iterator[bytes]:
    return (block[at : at + 16] for at in range(0, len(block), 16))


class _Readers:
    """Processes that read slices, each taking the next; what they send waits until its turn."""

    def __init__(self, asks: list[reader.Ask]) -> None:
        self.asks = asks
        self.held: list[queue.SimpleQueue[Block | errors.DosError | None]] = [
            queue.SimpleQueue() for _ in asks
        ]
        self.left = list(range(len(asks)))[::-1]
        self.lock = threading.Lock()
        # The keys go through a pipe: an argument or the environment could be read by others.
        self.place = orjson.dumps(
            {"connection": _place(), "ring": getattr(settings, encryption.VARIABLE, "")}
        )
        self.processes: list[subprocess.Popen[bytes]] = []

    def blocks(self) -> Iterator[Block]:
        """Return the blocks of all slices in order; raises HistoryBroken, SealBroken."""
        threads = []
        try:
            for _ in range(min(_readers(), len(self.asks))):
                process = subprocess.Popen(
                    [sys.executable, "-m", "policy.decisions.backtests.reader"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    cwd=ROOT,
                )
                self.processes.append(process)
                threads.append(threading.Thread(target=self._serve, args=[process], daemon=True))
                threads[-1].start()
            for held in self.held:
                while (item := held.get()) is not None:
                    if isinstance(item, errors.DosError):
                        raise item
                    yield item
        finally:
            for process in self.processes:
                process.kill()
            for thread in threads:
                thread.join()
            for process in self.processes:
                process.wait()

    def _next(self) -> int | None:
        with self.lock:
            return self.left.pop() if self.left else None

    def _serve(self, process: subprocess.Popen[bytes]) -> None:
        """Give a process one slice after the other, and keep what it sends."""
        at: int | None = None
        given, found = process.stdin, process.stdout
        if given is None or found is None:
            raise HistoryBroken("A reader has no pipes.")
        with given, found:
            try:
                given.write(self.place + b"\n")
                while (at := self._next()) is not None:
                    given.write(orjson.dumps(self.asks[at].as_json()) + b"\n")
                    given.flush()
                    while (head := found.read(reader.LENGTHS.size)) != reader.END:
                        names, lines = reader.LENGTHS.unpack(head)
                        self.held[at].put((found.read(names), found.read(lines)))
                    self.held[at].put(None)
            except (OSError, ValueError, struct.error):
                self._fail(at, process.wait())

    def _fail(self, at: int | None, code: int) -> None:
        """Say in every slice that nobody will read now why it is so."""
        told: errors.DosError = HistoryBroken("A reader stopped.")
        if code == reader.SEAL_BROKEN:
            told = encryption.SealBroken("A decision of the history cannot be opened.")
        with self.lock:
            unread, self.left = [*self.left, *([] if at is None else [at])], []
        for place in unread:
            self.held[place].put(told)
