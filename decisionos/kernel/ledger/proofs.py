"""Prove one entry, or the growth of the chain, without showing the rest.

What must stay true: a proof is checked against a signed checkpoint's root by anybody, with ``kernel.merkle``
or any other RFC 9162 verifier; making one reads a handful of rows whatever the size of the ledger.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from typing import Any

from decisionos.kernel import errors, merkle
from decisionos.kernel.ledger import database, rules, tiles
from decisionos.kernel.ledger.models import Checkpoint
from decisionos.kernel.tenants import scope


class NotSealed(errors.Conflict):
    """The entry has no place in the chain yet."""

    code = "ledger_entry_not_sealed"
    title = "The entry is not sealed yet"


class CheckpointMissing(errors.NotFound):
    """There is no checkpoint of this size."""

    code = "ledger_checkpoint_missing"
    title = "There is no such checkpoint"


@dataclass(frozen=True, slots=True)
class SignedRoot:
    """What a checkpoint states and who signed it."""

    tenant: str
    size: int
    root: str
    head: str
    time: str
    kid: str
    signature: str

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> SignedRoot:
        """Return the public part of a checkpoint."""
        return cls(
            tenant=str(checkpoint.tenant_id),
            size=checkpoint.size,
            root=checkpoint.root,
            head=checkpoint.head,
            time=rules.instant(checkpoint.created_at),
            kid=checkpoint.kid,
            signature=checkpoint.signature,
        )


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """The entry with this digest is leaf ``seq - 1`` of the tree that the checkpoint signs."""

    entry_id: str
    seq: int
    digest: str
    path: list[str]
    checkpoint: SignedRoot

    def holds(self) -> bool:
        """Return whether the path leads from the digest to the signed root."""
        try:
            merkle.verify_inclusion(
                leaf=tiles.leaf_of(self.digest),
                index=self.seq - 1,
                size=self.checkpoint.size,
                proof=[bytes.fromhex(item) for item in self.path],
                root=bytes.fromhex(self.checkpoint.root),
            )
        except ValueError:
            return False
        return True

    def as_json(self) -> dict[str, Any]:
        """Return the proof for an API or a file."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """The later checkpoint extends the earlier one and changed nothing before it."""

    first: SignedRoot
    second: SignedRoot
    path: list[str]

    def holds(self) -> bool:
        """Return whether the path leads to both signed roots."""
        try:
            merkle.verify_consistency(
                first=self.first.size,
                second=self.second.size,
                first_root=bytes.fromhex(self.first.root),
                second_root=bytes.fromhex(self.second.root),
                proof=[bytes.fromhex(item) for item in self.path],
            )
        except ValueError:
            return False
        return True

    def as_json(self) -> dict[str, Any]:
        """Return the proof for an API or a file."""
        return asdict(self)


def get_checkpoint(size: int | None = None) -> Checkpoint:
    """Return the checkpoint of a size, or the newest; raises CheckpointMissing."""
    rows = Checkpoint.objects.filter(tenant_id=scope.require())
    found = rows.order_by("-size").first() if size is None else rows.filter(size=size).first()
    if found is None:
        raise CheckpointMissing(
            "Nothing has been sealed yet." if size is None else f"No checkpoint has size {size}."
        )
    return found


_ANY_SIZE = 2**62
# The entry's place and the checkpoint under which it is proven, in one round trip.
_PLACE = (
    "SELECT s.seq, e.digest, c.size, c.root, c.head, c.created_at, c.kid, c.signature, c.peaks "
    "FROM kernel_ledger_seal s JOIN kernel_ledger_entry e ON e.id = s.entry_id "
    "LEFT JOIN LATERAL (SELECT * FROM kernel_ledger_checkpoint k WHERE k.tenant_id = s.tenant_id "
    "AND k.size <= %(size)s ORDER BY k.size DESC LIMIT 1) c ON true "
    "WHERE s.entry_id = %(entry)s AND s.tenant_id = %(tenant)s"
)


def prove_entry(entry_id: uuid.UUID, *, size: int | None = None) -> InclusionProof:
    """Prove an entry under the newest checkpoint or that of a size; raises NotSealed, CheckpointMissing."""
    tenant = scope.require()
    values = {"entry": entry_id, "tenant": tenant, "size": _ANY_SIZE if size is None else size}
    rows = database.prepared(_PLACE, values)
    if not rows:
        raise NotSealed(f"Entry {entry_id} has no place in the chain yet.")
    seq, digest, signed, root, head, created_at, kid, signature, peaks = rows[0]
    if signed is None or (size is not None and signed != size):
        raise CheckpointMissing(f"No checkpoint has size {size}.")
    if seq > signed:
        raise NotSealed(f"Entry {entry_id} came after the checkpoint of {signed} entries.")
    nodes = tiles.Nodes(tenant)
    nodes.warm(seq - 1, signed)
    path = merkle.inclusion_path(nodes, seq - 1, merkle.CompactRange.unpack(signed, bytes(peaks)))
    checkpoint = SignedRoot(str(tenant), signed, root, head, rules.instant(created_at), kid, signature)
    return InclusionProof(str(entry_id), seq, digest, [item.hex() for item in path], checkpoint)


def prove_growth(first: int, second: int | None = None) -> ConsistencyProof:
    """Prove that the checkpoint of one size was extended by another; raises CheckpointMissing, Invalid."""
    older, newer = get_checkpoint(first), get_checkpoint(second)
    if older.size > newer.size:
        raise errors.Invalid("The first checkpoint must not be larger than the second.")
    path = merkle.consistency_proof(tiles.Nodes(scope.require()), older.size, newer.size)
    return ConsistencyProof(SignedRoot.of(older), SignedRoot.of(newer), [item.hex() for item in path])
