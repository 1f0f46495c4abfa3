"""Read sealed decisions and give their inputs as lines; also a program of its own that others ask for slices.

What must stay true: the transaction is read-only and carries the tenant, so that row-level security chooses
the rows; the program needs neither settings nor framework (it starts in a fraction of a second) and takes all
that it must know, keys included, from its standard input.
"""

from __future__ import annotations

import dataclasses
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import psycopg
from psycopg import pq, sql

from decisionos.kernel import envelopes

CONTEXT = b"policy_decisions_decision.sealed"
BLOCK_ROWS, SEAL_BROKEN, FAILED = 20_000, 3, 4
LENGTHS = struct.Struct("!II")
END = LENGTHS.pack(0, 0)
"""What follows the blocks of a slice."""
_HEADER, _LAST = b"PGCOPY\n\xff\r\n\x00", b"\xff\xff"
_BEGIN, _MARK = b'{"input":', b',"subject":'
_ID_AT, _SEALED_AT = slice(6, 22), 26


@dataclasses.dataclass(frozen=True, slots=True)
class Ask:
    """Which rows: those of a contract whose ids lie in a slice, both ends included."""

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
    at = plain.find(_MARK)
    if at > 0 and plain.startswith(_BEGIN) and plain.find(_MARK, at + 1) < 0:
        return plain[len(_BEGIN) : at]
    return orjson.dumps(orjson.loads(plain)["input"])


def read(
    ask: Ask, connection: psycopg.Connection[Any], opener: Callable[[bytes], bytes]
) -> Iterator[tuple[bytes, bytes]]:
    """Return blocks: the ids (16 bytes each) and the lines, in the order of the ids."""
    names, lines = [], []
    for name, sealed in rows(ask, connection):
        names.append(name)
        lines.append(input_of(opener(sealed)))
        if len(names) >= BLOCK_ROWS:
            yield b"".join(names), b"\n".join(lines) + b"\n"
            names, lines = [], []
    if names:
        yield b"".join(names), b"\n".join(lines) + b"\n"


def rows(ask: Ask, connection: psycopg.Connection[Any]) -> Iterator[tuple[bytes, bytes]]:
    """Return id and seal of every row of a slice, in one read-only transaction."""
    conditions = [sql.SQL("contract = {}").format(ask.contract)]
    conditions.append(sql.SQL("id BETWEEN {} AND {}").format(ask.first, ask.last))
    for condition, moment in (("decided_at >= {}", ask.start), ("decided_at < {}", ask.end)):
        if moment:
            conditions.append(sql.SQL(condition).format(moment))
    question = sql.SQL(
        "COPY (SELECT id, sealed FROM policy_decisions_decision WHERE {} ORDER BY id) "
        "TO STDOUT (FORMAT BINARY)"
    ).format(sql.SQL(" AND ").join(conditions))
    with connection.transaction():
        connection.execute("SET TRANSACTION READ ONLY")
        connection.execute("SET LOCAL statement_timeout = 0")
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", [ask.tenant])
        yield from _copied(connection.pgconn, question.as_bytes(connection))


def _copied(pgconn: pq.abc.PGconn, question: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Return id and seal of every copied row, straight from the library: a third of the cost of a cursor."""
    begun = pgconn.exec_(question)
    if begun.status != pq.ExecStatus.COPY_OUT:
        raise psycopg.OperationalError(begun.get_error_message())
    while True:
        size, data = pgconn.get_copy_data(0)
        if size < 0:
            break
        row = bytes(data)
        if row.startswith(_HEADER):
            row = row[len(_HEADER) + 8 :]
        if row and row != _LAST:
            yield row[_ID_AT], row[_SEALED_AT:]
    while (ended := pgconn.get_result()) is not None:
        if ended.status != pq.ExecStatus.COMMAND_OK:
            raise psycopg.OperationalError(ended.get_error_message())


def main() -> int:
    """Answer each slice that a line of input asks for; the first line says where, and by which keys."""
    place = orjson.loads(sys.stdin.buffer.readline())
    opener = envelopes.opener(context=CONTEXT, keys=envelopes.parse_ring(place["ring"]))
    out = sys.stdout.buffer
    try:
        with psycopg.connect(**place["connection"], autocommit=True) as connection:
            for line in sys.stdin.buffer:
                for names, lines in read(Ask(**orjson.loads(line)), connection, opener):
                    out.write(LENGTHS.pack(len(names), len(lines)))
                    out.write(names)
                    out.write(lines)
                out.write(END)
                out.flush()
    except envelopes.SealBroken:
        return SEAL_BROKEN
    except (psycopg.Error, OSError, ValueError):
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
