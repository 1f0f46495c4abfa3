"""The Merkle tree's inner hashes, kept in tiles of 256 so that one proof reads a handful of rows.

What must stay true: a tile is written once, when all of its hashes are known; what is not yet in a tile is
computed from the entries' digests (level 0) or from the roots of the tiles below.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.db import connection

from decisionos.kernel import ids, merkle
from decisionos.kernel.ledger import database

WIDTH = 256
_LEVELS = 8  # a tile spans eight levels of the binary tree

_LEAVES = (
    "SELECT e.digest FROM kernel_ledger_seal s JOIN kernel_ledger_entry e ON e.id = s.entry_id "
    "WHERE s.tenant_id = %s AND s.seq > %s AND s.seq <= %s ORDER BY s.seq"
)
_ROOTS = (
    "SELECT root FROM kernel_ledger_tile WHERE tenant_id = %s AND level = %s AND index >= %s AND index < %s "
    "ORDER BY index"
)
_TILE = "SELECT hashes FROM kernel_ledger_tile WHERE tenant_id = %s AND level = %s AND index = %s"
# All that a proof for one leaf asks for: whole tiles, the roots that a tile not yet written would hold, and
# the entries' digests where it is one of the lowest level. Each part is a walk along an index.
_COLUMN = """
SELECT 0, t.level, t.index, t.hashes
FROM unnest(%(levels)s::smallint[], %(indexes)s::bigint[]) AS w(level, index), LATERAL (
    SELECT * FROM kernel_ledger_tile
    WHERE tenant_id = %(tenant)s AND level = w.level AND index = w.index OFFSET 0) t
UNION ALL
SELECT 1, t.level + 1, t.index, t.root
FROM unnest(%(below)s::smallint[], %(starts)s::bigint[], %(ends)s::bigint[]) AS w(level, first, last),
LATERAL (
    SELECT * FROM kernel_ledger_tile
    WHERE tenant_id = %(tenant)s AND level = w.level AND index >= w.first AND index < w.last OFFSET 0) t
UNION ALL
SELECT 2, 0, s.seq - 1, convert_to(e.digest, 'UTF8')
FROM kernel_ledger_seal s, LATERAL (SELECT digest FROM kernel_ledger_entry WHERE id = s.entry_id OFFSET 0) e
WHERE s.tenant_id = %(tenant)s AND s.seq > %(first)s AND s.seq <= %(last)s
ORDER BY 1, 2, 3
"""
_WRITE = (
    "INSERT INTO kernel_ledger_tile (id, tenant_id, level, index, hashes, root) "
    "SELECT id, %s, %s, index, hashes, root "
    "FROM unnest(%s::uuid[], %s::bigint[], %s::bytea[], %s::bytea[]) AS given(id, index, hashes, root)"
)


class TreeBroken(Exception):
    """The stored tree does not have the hashes that its size asks for."""


def leaf_of(digest: str) -> bytes:
    """Return the leaf hash of an entry's digest."""
    return merkle.leaf_hash(bytes.fromhex(digest))


def _hashes(packed: bytes) -> list[bytes]:
    return [packed[at : at + merkle.HASH_SIZE] for at in range(0, len(packed), merkle.HASH_SIZE)]


def _leaves(tenant_id: uuid.UUID, start: int, end: int) -> list[bytes]:
    with connection.cursor() as cursor:
        cursor.execute(_LEAVES, [tenant_id, start, end])
        return [leaf_of(digest) for (digest,) in cursor.fetchall()]


def _roots(tenant_id: uuid.UUID, level: int, start: int, end: int) -> list[bytes]:
    with connection.cursor() as cursor:
        cursor.execute(_ROOTS, [tenant_id, level, start, end])
        return [bytes(root) for (root,) in cursor.fetchall()]


def extend(tenant_id: uuid.UUID, *, size: int, leaves: Sequence[bytes]) -> None:
    """Write the tiles that become complete when the leaves follow a tree of the given size.

    The seals of the leaves before them must be in the database already.
    """
    level, first = 0, size
    fresh = list(leaves)
    while True:
        start = first - first % WIDTH
        if start + WIDTH > first + len(fresh):
            return
        old = _leaves(tenant_id, start, first) if level == 0 else _roots(tenant_id, level - 1, start, first)
        if len(old) != first - start:
            raise TreeBroken(f"Level {level} has {len(old)} hashes from {start}, not {first - start}.")
        nodes = old + fresh
        chunks = [nodes[at : at + WIDTH] for at in range(0, len(nodes) - WIDTH + 1, WIDTH)]
        roots = [merkle.fold(chunk) for chunk in chunks]
        index = start // WIDTH
        with connection.cursor() as cursor:
            cursor.execute(
                _WRITE,
                [
                    tenant_id,
                    level,
                    [ids.uuid7() for _ in chunks],
                    list(range(index, index + len(chunks))),
                    [b"".join(chunk) for chunk in chunks],
                    roots,
                ],
            )
        level, first, fresh = level + 1, index, roots


class Nodes:
    """The hashes of complete subtrees of one tenant's tree, read by tile and kept for one proof."""

    def __init__(self, tenant_id: uuid.UUID) -> None:
        self.tenant_id = tenant_id
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """Return the hash of leaves index·2^level to (index + 1)·2^level; raises TreeBroken."""
        tile_level, height = divmod(level, _LEVELS)
        tile, offset = divmod(index << height, WIDTH)
        hashes = self._tile(tile_level, tile)[offset : offset + (1 << height)]
        if len(hashes) != 1 << height:
            raise TreeBroken(f"Tile {tile_level}/{tile} lacks hashes from {offset}.")
        return merkle.fold(hashes)

    def warm(self, leaf: int, size: int) -> None:
        """Read in one statement what a proof for a leaf of a tree of this size asks for."""
        whole: list[tuple[int, int]] = []
        parts: list[tuple[int, int, int]] = []
        digests = (0, 0)
        level = 0
        while level == 0 or size - 1 >> _LEVELS * level:
            index = leaf >> _LEVELS * (level + 1)
            start, end = index * WIDTH, min((index + 1) * WIDTH, size >> _LEVELS * level)
            if end - start == WIDTH:
                whole.append((level, index))
            elif level:
                parts.append((level - 1, start, end))
            else:
                digests = (start, end)
            level += 1
        values = {
            "tenant": self.tenant_id,
            "levels": [item[0] for item in whole],
            "indexes": [item[1] for item in whole],
            "below": [item[0] for item in parts],
            "starts": [item[1] for item in parts],
            "ends": [item[2] for item in parts],
            "first": digests[0],
            "last": digests[1],
        }
        for part, at, index, value in database.prepared(_COLUMN, values):
            if part == 0:
                self._tiles[at, index] = _hashes(bytes(value))
            else:
                found = bytes(value) if part == 1 else leaf_of(bytes(value).decode())
                self._tiles.setdefault((at, index // WIDTH), []).append(found)

    def _tile(self, level: int, index: int) -> list[bytes]:
        key = (level, index)
        if key not in self._tiles:
            self._tiles[key] = self._read(level, index)
        return self._tiles[key]

    def _read(self, level: int, index: int) -> list[bytes]:
        with connection.cursor() as cursor:
            cursor.execute(_TILE, [self.tenant_id, level, index])
            row = cursor.fetchone()
        if row is not None:
            return _hashes(bytes(row[0]))
        start, end = index * WIDTH, (index + 1) * WIDTH
        if level == 0:
            return _leaves(self.tenant_id, start, end)
        return _roots(self.tenant_id, level - 1, start, end)


def peaks(tenant_id: uuid.UUID, size: int) -> merkle.CompactRange:
    """Return the compact range of the first ``size`` leaves; raises TreeBroken."""
    nodes = Nodes(tenant_id)
    found: list[bytes] = []
    start = 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            found.append(nodes(level, start >> level))
            start += 1 << level
    return merkle.CompactRange(size, found)
