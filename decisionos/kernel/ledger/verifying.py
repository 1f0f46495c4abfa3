"""Check the chain in the database, in one stream, and name the first broken entry.

What must stay true: every sealed entry's digest, link and place are recomputed from its stored fields; every
checkpoint's root, head and signature are recomputed from what precedes it. Rows cut off at the end together
with their checkpoints show only against an anchor kept outside: pass such (size, root) pairs as ``anchors``.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import uuid
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson
from django.db import connection

from decisionos.kernel import canonical, clock, errors, merkle
from decisionos.kernel.keys import services as keys
from decisionos.kernel.ledger import reading, rules
from decisionos.kernel.ledger.models import Checkpoint
from decisionos.kernel.tenants import scope

LONGEST_UNSEALED = timedelta(seconds=60)

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
    """The checkpoints still ahead, each checked when the chain reaches its size."""

    def __init__(self, tenant_id: uuid.UUID, anchors: Iterable[tuple[int, str]]) -> None:
        rows = Checkpoint.objects.filter(tenant_id=tenant_id).order_by("size")
        self.ahead = deque(rows.defer("peaks"))
        self.anchors = deque(sorted(anchors))
        self.keys = {key.kid: key.raw for key in keys.public_keys(rules.PURPOSE)}
        self.previous: uuid.UUID | None = None

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

    def __init__(self, ahead: _Checkpoints) -> None:
        self.ahead = ahead
        self.size = 0
        self.raw = bytes.fromhex(rules.GENESIS)
        self.tree = merkle.CompactRange()
        self.pending: list[bytes] = []

    def root(self) -> str:
        """Return the root over all leaves so far."""
        _extend(self.tree, self.pending)
        self.pending = []
        return self.tree.root().hex()

    def follow(self, lines: Iterable[list[bytes]]) -> Broken | None:
        """Take the chain's lines; returns the first broken one."""
        sha256, unhex, json_of, recode = hashlib.sha256, binascii.unhexlify, reading.json_of, canonical.recode
        pending, stop = self.pending, self.ahead.next_size()
        for seq, prev, curr, entry_id, digest, text in lines:
            size = self.size + 1
            if int(seq) != size:
                return Broken(
                    size, "", "missing", f"Number {size} is missing: {int(seq)} follows {size - 1}."
                )
            record, name = json_of(text), entry_id.decode()
            if record is None:
                return Broken(size, name, "missing", f"The entry of number {size} is gone.")
            raw = sha256(recode(record)).digest()
            if raw != unhex(digest):
                return Broken(size, name, "edited", f"Entry {name} is not what its digest covers.")
            if unhex(prev) != self.raw:
                return Broken(size, name, "unlinked", f"Entry {name} does not follow the one before it.")
            head = sha256(self.raw + raw).digest()
            if unhex(curr) != head:
                return Broken(size, name, "resealed", f"The seal of entry {name} is not its own.")
            pending.append(sha256(b"\x00" + raw).digest())
            self.size, self.raw = size, head
            if size == stop:
                broken = self.ahead.compare(size, head.hex(), self.root())
                if broken:
                    return Broken(size, name, broken.reason, broken.detail)
                pending, stop = self.pending, self.ahead.next_size()
        return None


def _extend(tree: merkle.CompactRange, leaves: list[bytes]) -> None:
    for leaf in leaves:
        tree.append(leaf)


def verify_ledger(
    *,
    anchors: Iterable[tuple[int, str]] = (),
    longest_unsealed: timedelta = LONGEST_UNSEALED,
    now: datetime | None = None,
) -> Verification:
    """Check the ledger of the tenant in force, from its first entry to its last checkpoint."""
    tenant = scope.require()
    moment = now or clock.now()
    result = Verification(tenant)
    ahead = _Checkpoints(tenant, anchors)
    chain = _Chain(ahead)
    expected = len(ahead.ahead)
    try:
        # A broken chain is not read to its end: the stream is closed where it breaks.
        with contextlib.closing(reading.sealed_lines(tenant)) as lines:
            result.first_broken = chain.follow(lines)
    except (orjson.JSONDecodeError, errors.DosError, ValueError) as error:
        result.first_broken = Broken(chain.size + 1, "", "unreadable", f"After {chain.size}: {error}")
    result.entries, result.head, result.root = chain.size, chain.raw.hex(), chain.root()
    result.checkpoints = expected - len(ahead.ahead)
    if result.first_broken is None:
        _check_end(result, ahead)
    _check_unsealed(result, moment - longest_unsealed)
    return result


def _check_end(result: Verification, ahead: _Checkpoints) -> None:
    size = result.entries
    if ahead.next_size() >= 0:
        text = f"The chain ends at {size}, and something larger was signed or anchored: the end was cut off."
        result.first_broken = Broken(size + 1, "", "truncated", text)
        return
    last = (
        Checkpoint.objects.filter(tenant_id=result.tenant_id).order_by("-size").values_list("size", flat=True)
    )
    if size and last.first() != size:
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
