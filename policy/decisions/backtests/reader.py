"""Read sealed decisions and give their inputs as lines; also a program of its own that writes to its output.

What must stay true: the transaction is read-only and carries the tenant, so that row-level security chooses
the rows; the program needs no settings and takes what it must know, keys included, from its standard input.
"""

from __future__ import annotations

import dataclasses
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import psycopg

from decisionos.kernel import encryption

CONTEXT = b"policy_decisions_decision.sealed"
BLOCK_ROWS, SEAL_BROKEN, FAILED = 20_000, 3, 4
_HEADER, _END = b"PGCOPY\n\xff\r\n\x00", b"\xff\xff"
_BEGIN, _MARK = b'{"input":', b',"subject":'
_ID_AT, _SEALED_AT = slice(6, 22), 26


@dataclasses.dataclass(frozen=True, slots=True)
class Ask:
    """Which rows, and where they are."""

    connection: dict[str, Any]
    tenant: str
    contract: str
    first: str
    last: str
    start: str = ""
    end: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return dataclasses.asdict(self)


def input_of(plain: bytes) -> bytes:
    """Return the input inside an opened seal, as one line of JSON.

    The mark can only stand between keys: inside a text its quotes would be escaped. Where it stands more
    than once, an object of the input has such a key, and the whole is parsed.
    """
    if plain.startswith(_BEGIN) and plain.count(_MARK) == 1:
        return plain[len(_BEGIN) : plain.index(_MARK)]
    return orjson.dumps(orjson.loads(plain)["input"])


def read(ask: Ask, opener: Callable[[bytes], bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Return blocks: the ids (16 bytes each) and the lines, in the order of the ids."""
    names, lines = [], []
    for name, sealed in _rows(ask):
        names.append(name)
        lines.append(input_of(opener(sealed)))
        if len(names) >= BLOCK_ROWS:
            yield b"".join(names), b"\n".join(lines) + b"\n"
            names, lines = [], []
    if names:
        yield b"".join(names), b"\n".join(lines) + b"\n"


def _rows(ask: Ask) -> Iterator[tuple[bytes, bytes]]:
    conditions, values = ["contract = %s", "id BETWEEN %s AND %s"], [ask.contract, ask.first, ask.last]
    for name, moment in (("decided_at >= %s", ask.start), ("decided_at < %s", ask.end)):
        if moment:
            conditions.append(name)
            values.append(moment)
    question = (
        f"COPY (SELECT id, sealed FROM policy_decisions_decision WHERE {' AND '.join(conditions)} "
        "ORDER BY id) TO STDOUT (FORMAT BINARY)"
    )
    with psycopg.connect(**ask.connection) as connection, connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", [ask.tenant])
        with cursor.copy(question, values) as copy:
            for data in copy:
                row = bytes(data)
                if row.startswith(_HEADER):
                    row = row[len(_HEADER) + 8 :]
                if row and row != _END:
                    yield row[_ID_AT], row[_SEALED_AT:]


def main() -> int:
    """Read what standard input asks for, write blocks with their lengths to standard output."""
    asked = orjson.loads(sys.stdin.buffer.read())
    opener = encryption.opener(context=CONTEXT, keys=encryption.parse_ring(asked.pop("ring")))
    try:
        for names, lines in read(Ask(**asked), opener):
            sys.stdout.buffer.write(struct.pack("!II", len(names), len(lines)) + names)
            sys.stdout.buffer.write(lines)
        sys.stdout.buffer.flush()
    except encryption.SealBroken:
        return SEAL_BROKEN
    except (psycopg.Error, OSError, ValueError):
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
