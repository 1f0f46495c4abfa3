"""Merkle trees of RFC 6962 and RFC 9162 over SHA-256: roots, inclusion and consistency proofs.

What must stay true: a leaf and a node can never be confused (prefixes 0x00 and 0x01); a verifier uses only
what it is given and accepts nothing for an empty tree except the empty root; a proof with a hash too many,
too few or of the wrong length is refused. No database, no clock.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Node = Callable[[int, int], bytes]


class ProofInvalid(ValueError):
    """The proof does not show what it claims."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaf (or aligned node) hashes, left to right."""
    if not hashes:
        return EMPTY_ROOT
    sha256 = hashlib.sha256
    level = list(hashes)
    while len(level) > 1:
        one = iter(level)
        paired = [sha256(b"\x01" + left + right).digest() for left, right in zip(one, one, strict=False)]
        if len(level) % 2:
            paired.append(level[-1])
        level = paired
    return level[0]


class CompactRange:
    """The peaks of the complete subtrees of a tree: enough to append and to know the root."""

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        if size < 0 or len(self.peaks) != size.bit_count():
            raise ValueError(
                f"A tree of {size} leaves has {max(size, 0).bit_count()} peaks, not {len(self.peaks)}."
            )

    @classmethod
    def unpack(cls, size: int, packed: bytes) -> CompactRange:
        """Return the range whose peaks were packed one after another."""
        return cls(size, [packed[i : i + HASH_SIZE] for i in range(0, len(packed), HASH_SIZE)])

    def pack(self) -> bytes:
        """Return the peaks one after another, the largest subtree first."""
        return b"".join(self.peaks)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        carry, size = leaf, self.size
        while size & 1:
            carry = node_hash(self.peaks.pop(), carry)
            size >>= 1
        self.peaks.append(carry)
        self.size += 1

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add leaf hashes in order: the same as appending each, several times quicker."""
        at, count = 0, len(leaves)
        while at < count:
            # The largest complete subtree that starts here and whose leaves are all given.
            room = self.size & -self.size or count
            width = min(room, 1 << (count - at).bit_length() - 1)
            carry, rest = fold(leaves[at : at + width]), self.size // width
            while rest & 1:
                carry = node_hash(self.peaks.pop(), carry)
                rest >>= 1
            self.peaks.append(carry)
            self.size += width
            at += width

    def root(self) -> bytes:
        """Return the root of the tree so far."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def _split(size: int) -> int:
    """Return the largest power of two smaller than the size."""
    return 1 << ((size - 1).bit_length() - 1)


def subtree_hash(node: Node, start: int, end: int) -> bytes:
    """Return the hash of leaves start..end, given the hashes of complete aligned nodes (level, index)."""
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(size)
    return node_hash(subtree_hash(node, start, middle), subtree_hash(node, middle, end))


def inclusion_proof(node: Node, index: int, size: int) -> list[bytes]:
    """Return the audit path of a leaf in the tree of the first ``size`` leaves, the lowest sibling first."""
    if not 0 <= index < size:
        raise ValueError(f"Leaf {index} is not in a tree of {size} leaves.")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(subtree_hash(node, middle, end))
            end = middle
        else:
            path.append(subtree_hash(node, start, middle))
            start = middle
    return path[::-1]


def inclusion_path(node: Node, index: int, tree: CompactRange) -> list[bytes]:
    """Return the same audit path where the tree's peaks are at hand.

    Only hashes within the leaf's own peak are asked for: nothing at the growing edge is computed anew.
    """
    if not 0 <= index < tree.size:
        raise ValueError(f"Leaf {index} is not in a tree of {tree.size} leaves.")
    position, level = 0, tree.size.bit_length() - 1
    while index >> level == tree.size >> level:
        # The leaf lies behind the peak of this level, where there is one.
        position += tree.size >> level & 1
        level -= 1
    path = [node(height, index >> height ^ 1) for height in range(level)]
    behind = tree.peaks[position + 1 :]
    if behind:
        root = behind[-1]
        for peak in reversed(behind[:-1]):
            root = node_hash(peak, root)
        path.append(root)
    return path + tree.peaks[:position][::-1]


def consistency_proof(node: Node, first: int, second: int) -> list[bytes]:
    """Return the proof that the tree of ``first`` leaves is a prefix of the tree of ``second`` leaves."""
    if not 0 <= first <= second:
        raise ValueError(f"A tree of {first} leaves cannot grow into one of {second}.")
    if first in {0, second}:
        return []
    proof: list[bytes] = []
    start, end, whole = 0, second, True
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            proof.append(subtree_hash(node, middle, end))
            end = middle
        else:
            proof.append(subtree_hash(node, start, middle))
            start, whole = middle, False
    if not whole:
        proof.append(subtree_hash(node, start, end))
    return proof[::-1]


def _sound(proof: Sequence[bytes], *roots: bytes) -> None:
    if any(len(item) != HASH_SIZE for item in (*proof, *roots)):
        raise ProofInvalid("Every hash of a proof has 32 bytes.")


def root_from_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """Return the root that the audit path leads to; raises ProofInvalid where path and position disagree."""
    _sound(proof, leaf)
    if not 0 <= index < size:
        raise ProofInvalid(f"Leaf {index} is not in a tree of {size} leaves.")
    node, last, root = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofInvalid("The proof is too long.")
        if node & 1 or node == last:
            root = node_hash(sibling, root)
            while node & 1 == 0 and node != 0:
                node, last = node >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise ProofInvalid("The proof is too short.")
    return root


def verify_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raise ProofInvalid unless the leaf hash stands at the index of the tree with this root."""
    _sound((), root)
    if root_from_inclusion(leaf=leaf, index=index, size=size, proof=proof) != root:
        raise ProofInvalid("The proof leads to another root.")


def verify_consistency(
    *, first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise ProofInvalid unless the second tree extends the first without changing it."""
    _sound(proof, first_root, second_root)
    if not 0 <= first <= second:
        raise ProofInvalid("The second tree is smaller than the first.")
    if first in {0, second}:
        if proof:
            raise ProofInvalid("Nothing is to be proven here: the proof must be empty.")
        # An empty tree has one root only; any other value would be vouched for by nothing.
        if first == 0 and first_root != EMPTY_ROOT:
            raise ProofInvalid("The root of the empty tree is wrong.")
        if first == second and first_root != second_root:
            raise ProofInvalid("Trees of the same size have different roots.")
        return
    path = list(proof)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    if not path:
        raise ProofInvalid("The proof is too short.")
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for item in path[1:]:
        if last == 0:
            raise ProofInvalid("The proof is too long.")
        if node & 1 or node == last:
            old, new = node_hash(item, old), node_hash(item, new)
            while node & 1 == 0 and node != 0:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, item)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise ProofInvalid("The proof is too short.")
    if old != first_root or new != second_root:
        raise ProofInvalid("The proof leads to other roots.")


def _bytes(text: str | None) -> bytes:
    return base64.b64decode(text or "", validate=True)


def accepts(kind: str, case: dict[str, Any]) -> bool:
    """Return whether one published case (hashes in base64) verifies."""
    proof = [_bytes(item) for item in case["proof"] or []]
    try:
        if kind == "inclusion":
            verify_inclusion(
                leaf=_bytes(case["leafHash"]),
                index=case["leafIdx"],
                size=case["treeSize"],
                proof=proof,
                root=_bytes(case["root"]),
            )
        else:
            verify_consistency(
                first=case["size1"],
                second=case["size2"],
                first_root=_bytes(case["root1"]),
                second_root=_bytes(case["root2"]),
                proof=proof,
            )
    except ProofInvalid:
        return False
    return True


def run(cases: Iterable[dict[str, Any]]) -> list[str]:
    """Return the names of published conformance cases on which this module disagrees; none is the goal."""
    return [item["name"] for item in cases if accepts(item["kind"], item["case"]) == item["case"]["wantErr"]]
