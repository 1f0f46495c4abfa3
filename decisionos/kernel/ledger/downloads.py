"""The export of the chain as a download: made whole before its first byte is sent, so complete or refused."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO

from django.http import StreamingHttpResponse

from decisionos.kernel.ledger import export, proofs
from decisionos.kernel.ledger import services as ledger

IN_MEMORY_BYTES = 8_000_000
CHUNK_BYTES = 64 * 1024


def chain_file(*, first: int, last: int | None) -> StreamingHttpResponse:
    """Return the chain from one number to a checkpoint as NDJSON, and note that it was exported.

    Raises CheckpointMissing, ExportRange.
    """
    end = proofs.get_checkpoint(last)
    file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115  the stream closes it
    lines = 0
    for line in export.export_lines(first=first, last=end.size):
        file.write(line)
        lines += 1
    ledger.append(
        kind="ledger.exported",
        payload={"first": first, "last": end.size, "lines": lines},
        subject_type="ledger",
        subject_id=str(end.tenant_id),
    )
    length = file.tell()
    file.seek(0)
    response = StreamingHttpResponse(_chunks(file), content_type="application/x-ndjson")
    response["Content-Length"] = str(length)
    response["Content-Disposition"] = f'attachment; filename="ledger-{first}-{end.size}.ndjson"'
    return response


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
