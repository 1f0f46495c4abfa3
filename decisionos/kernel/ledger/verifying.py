"""Check the chain in the database, stretch by stretch, and name the first broken entry.

What must stay true: every sealed entry's digest, link and place are recomputed from its stored fields; every
checkpoint's root, head and signature are recomputed from what precedes it. Rows cut off at the end together
with their checkpoints show only against an anchor kept outside: pass such (size, root) pairs as ``anchors``.

The first look is quick: it takes an entry's bytes as they are most easily written, and only a digest that
covers exactly these bytes makes it content. Whatever it does not accept is looked at again strictly, from
the start, and only the strict look's findings are told. So the quick one may doubt too much; it cannot accept
what the strict one refuses, unless two different records have the same SHA-256.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection

from decisionos.kernel import clock, errors, merkle
from decisionos.kernel.keys import services as keys
from decisionos.kernel.ledger import reading, rules
from decisionos.kernel.ledger.models import Checkpoint
from decisionos.kernel.tenants import scope

LONGEST_UNSEALED = timedelta(seconds=60)

# One statement, hence one snapshot: a sealer at work adds a seal and its checkpoint to both or to neither.
_ENDS = (
    "SELECT (SELECT coalesce(max(seq), 0) FROM kernel_ledger_seal WHERE tenant_id = %s), "
    "(SELECT coalesce(max(size), 0) FROM kernel_ledger_checkpoint WHERE tenant_id = %s)"
)
_UNSEALED = (
    "SELECT count(*), count(*) FILTER (WHERE e.id < %s), min(e.id::text) FROM kernel_ledger_entry e "
    "WHERE e.tenant_id = %s AND NOT EXISTS (SELECT 1 FROM kernel_ledger_seal s WHERE s.entry_id = e.id)"
)


@dataclass(frozen=True, slots=True)
class Broken:
    """The first entry at which the chain is not what it must be."""

    seq: int
    entry_id: str
    reason: str
    detail: str


@dataclass(slots=True)
class Verification:
    """What was checked and what was found."""

    tenant_id: uuid.UUID
    entries: int = 0
    checkpoints: int = 0
    head: str = rules.GENESIS
    root: str = merkle.EMPTY_ROOT.hex()
    first_broken: Broken | None = None
    problems: list[str] = field(default_factory=list)
    unsealed: int = 0
    unsealed_too_long: int = 0

    @property
    def is_consistent(self) -> bool:
        """Return whether nothing at all is wrong."""
        return self.first_broken is None and not self.problems


class _Checkpoints:
    """The checkpoints and anchors still ahead, each checked when the chain reaches its size."""

    def __init__(self, tenant_id: uuid.UUID, anchors: Iterable[tuple[int, str]]) -> None:
        self.tenant_id = tenant_id
        self.ahead: deque[Checkpoint] = deque()
        self.anchors = deque(sorted(anchors))
        self.keys = {key.kid: key.raw for key in keys.public_keys(rules.PURPOSE)}
        self.previous: uuid.UUID | None = None
        self.passed = 0

    def load(self, first: int, last: int) -> None:
        """Read the checkpoints of a stretch of sizes; those read before it have been compared."""
        rows = Checkpoint.objects.filter(tenant_id=self.tenant_id, size__gte=first, size__lte=last)
        self.ahead.extend(rows.order_by("size").defer("peaks"))
        if any(row.kid not in self.keys for row in self.ahead):
            # A key made after this look began. Asked here, since the stream keeps the connection to itself.
            self.keys = {key.kid: key.raw for key in keys.public_keys(rules.PURPOSE)}

    def next_size(self) -> int:
        """Return the size at which something is to be compared."""
        sizes = [self.ahead[0].size] if self.ahead else []
        sizes += [self.anchors[0][0]] if self.anchors else []
        return min(sizes, default=-1)

    def compare(self, size: int, head: str, root: str) -> Broken | None:
        """Compare what the chain has become with what was signed and anchored at this size."""
        while self.anchors and self.anchors[0][0] <= size:
            _, anchored = self.anchors.popleft()
            if anchored != root:
                return Broken(size, "", "anchor", f"The root at {size} is not the anchored one.")
        while self.ahead and self.ahead[0].size <= size:
            row = self.ahead.popleft()
            trouble = self._trouble(row, head, root)
            if trouble:
                return Broken(size, "", "checkpoint", f"Checkpoint of {size} entries: {trouble}.")
            self.previous = row.id
            self.passed += 1
        return None

    def _trouble(self, row: Checkpoint, head: str, root: str) -> str:
        if row.head != head:
            return "its head is not the chain's, so entries up to it were replaced"
        if row.root != root:
            return "its root is not the tree's, so entries up to it were replaced"
        if row.previous_id != self.previous:
            return "it does not follow the checkpoint before it"
        statement = rules.checkpoint_statement(
            tenant_id=row.tenant_id, size=row.size, root=row.root, head=row.head, created_at=row.created_at
        )
        try:
            signature = base64.b64decode(row.signature, validate=True)
        except (binascii.Error, ValueError):
            return "its signature is not base64"
        if not keys.has_signed(self.keys.get(row.kid, b""), statement, signature):
            return "its signature is wrong"
        return ""


class _Chain:
    """The chain and the tree as recomputed so far."""

    def __init__(self, ahead: _Checkpoints, *, strict: bool, tell: Callable[[int], None]) -> None:
        self.ahead = ahead
        self.strict = strict
        self.tell = tell
        self.tenant = str(ahead.tenant_id)
        self.size = 0
        self.raw = bytes.fromhex(rules.GENESIS)
        self.tree = merkle.CompactRange()
        self.pending: list[bytes] = []

    def root(self) -> str:
        """Return the root over all leaves so far."""
        sha256 = hashlib.sha256
        self.tree.extend([sha256(b"\x00" + raw).digest() for raw in self.pending])
        self.pending.clear()
        return self.tree.root().hex()

    def walk(self, end: int) -> Broken | None:
        """Take the chain up to its end; returns the first broken entry."""
        while self.size < end:
            # The last row of a stretch is read again as the first of the next: nothing hides between them.
            first = max(self.size, 1)
            last = min(self.size + reading.STRETCH, end)
            self.ahead.load(self.size + 1, last)
            rows = reading.rows(self.ahead.tenant_id, first=first, last=end, most=last - first + 1)
            with contextlib.closing(rows):
                broken = self._overlap(rows) if self.size else None
                broken = broken or self._follow(rows)
            self.root()
            self.tell(self.size)
            if broken or self.size < last:
                return broken or self._gap(self.size)
        return None

    def _overlap(self, rows: Iterable[reading.Row]) -> Broken | None:
        for row in rows:
            known = int(row.seq) == self.size and row.curr == binascii.hexlify(self.raw)
            return None if known else self._gap(int(row.seq))
        return self._gap(self.size)

    def _gap(self, found: int) -> Broken:
        size = self.size + 1
        return Broken(size, "", "missing", f"Number {size} is missing: {found} follows {size - 1}.")

    def _follow(self, rows: Iterable[reading.Row]) -> Broken | None:
        """Take a stretch of rows; returns the first broken one."""
        sha256, hexlify, quick_record = hashlib.sha256, binascii.hexlify, reading.quick_record
        size, stop, before = self.size, self.ahead.next_size(), hexlify(self.raw)
        tenant = self.tenant.encode()
        for row in rows:
            size += 1
            if int(row.seq) != size:
                return self._gap(int(row.seq))
            name = row.entry_id.decode()
            if row.is_gone:
                return Broken(size, name, "missing", f"The entry of number {size} is gone.")
            record = b"" if self.strict else quick_record(row, tenant)
            raw = sha256(record).digest()
            if not record or row.digest != hexlify(raw):
                # The quick form is not what was recorded; the canonical one may be.
                raw = sha256(reading.strict_record(row, self.tenant)).digest()
                if row.digest != hexlify(raw):
                    return Broken(size, name, "edited", f"Entry {name} is not what its digest covers.")
            if row.prev != before:
                return Broken(size, name, "unlinked", f"Entry {name} does not follow the one before it.")
            head = sha256(self.raw + raw).digest()
            before = hexlify(head)
            if row.curr != before:
                return Broken(size, name, "resealed", f"The seal of entry {name} is not its own.")
            self.pending.append(raw)
            self.size, self.raw = size, head
            if size == stop:
                broken = self.ahead.compare(size, head.hex(), self.root())
                if broken:
                    return Broken(size, name, broken.reason, broken.detail)
                stop = self.ahead.next_size()
        return None


def verify_ledger(
    *,
    anchors: Iterable[tuple[int, str]] = (),
    longest_unsealed: timedelta = LONGEST_UNSEALED,
    now: datetime | None = None,
    strict: bool = False,
    tell: Callable[[int], None] | None = None,
) -> Verification:
    """Check the ledger of the tenant in force, from its first entry to its last checkpoint.

    ``strict`` leaves out the quick look; the findings are the same. ``tell`` hears how many entries are
    checked after each stretch; a second, strict look starts again from none.
    """
    tenant = scope.require()
    moment = now or clock.now()
    kept = list(anchors)
    heard = tell or _nobody
    result = _look(tenant, kept, strict=strict, tell=heard)
    if result.first_broken is not None and not strict:
        result = _look(tenant, kept, strict=True, tell=heard)
    _check_unsealed(result, moment - longest_unsealed)
    return result


def _nobody(size: int) -> None:
    """Hear nothing."""


def _look(
    tenant: uuid.UUID, anchors: list[tuple[int, str]], *, strict: bool, tell: Callable[[int], None]
) -> Verification:
    with connection.cursor() as cursor:
        cursor.execute(_ENDS, [tenant, tenant])
        sealed, signed = cursor.fetchone()
    ahead = _Checkpoints(tenant, anchors)
    chain = _Chain(ahead, strict=strict, tell=tell)
    result = Verification(tenant)
    try:
        result.first_broken = chain.walk(sealed)
    except (errors.DosError, ValueError) as error:
        result.first_broken = Broken(chain.size + 1, "", "unreadable", f"After {chain.size}: {error}")
    result.entries, result.head, result.root = chain.size, chain.raw.hex(), chain.root()
    result.checkpoints = ahead.passed
    if result.first_broken is None:
        _check_end(result, signed=max([signed, *(size for size, _ in ahead.anchors)]))
    return result


def _check_end(result: Verification, *, signed: int) -> None:
    size = result.entries
    if signed > size:
        text = f"The chain ends at {size}, and something larger was signed or anchored: the end was cut off."
        result.first_broken = Broken(size + 1, "", "truncated", text)
    elif signed < size:
        result.problems.append(f"No checkpoint covers the last of {size} entries.")


def _check_unsealed(result: Verification, since: datetime) -> None:
    # The first 48 bits of an id are the milliseconds of its making.
    boundary = uuid.UUID(int=int(since.timestamp() * 1000) << 80)
    with connection.cursor() as cursor:
        cursor.execute(_UNSEALED, [boundary, result.tenant_id])
        result.unsealed, result.unsealed_too_long, first = cursor.fetchone()
    if result.unsealed_too_long:
        result.problems.append(
            f"{result.unsealed_too_long} entries have waited too long for their seal, the first is {first}."
        )
