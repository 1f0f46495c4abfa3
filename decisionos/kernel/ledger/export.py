"""Write the chain as NDJSON that anybody can verify without this product.

One line each: a header; the entries in order, with prev and curr; the checkpoints; the public keys; an end
line that counts and hashes all lines before it and is signed. What must stay true: the standalone verifier
(``verifier.py``) accepts exactly what this writes, and names the first broken entry of anything else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from decisionos.kernel import canonical, clock, errors
from decisionos.kernel.keys import services as keys
from decisionos.kernel.ledger import proofs, reading, rules, tiles
from decisionos.kernel.ledger.models import Checkpoint, Seal
from decisionos.kernel.tenants import scope

FORMAT = "decisionos-ledger/1"


class ExportRange(errors.Invalid):
    """These numbers are not a stretch of the chain that ends at a checkpoint."""

    code = "ledger_export_range"
    title = "Not a stretch of the chain"


def export_lines(*, first: int = 1, last: int | None = None) -> Iterator[bytes]:
    """Yield the lines of an export of the tenant in force, from one number to a checkpoint.

    ``last`` must be the size of a checkpoint; the newest by default. To be consumed within the scope.
    Raises CheckpointMissing, ExportRange.
    """
    tenant = scope.require()
    end = proofs.get_checkpoint(last)
    if not 1 <= first <= end.size:
        raise ExportRange(f"The chain has the numbers 1 to {end.size}; {first} is not one of them.")
    # One key from the start, so that a rotation meanwhile leaves none unlisted.
    signer = keys.signer(rules.PURPOSE)
    return _stamped(_lines(tenant, first, end, signer.kid), signer)


def _lines(tenant: Any, first: int, end: Checkpoint, kid: str) -> Iterator[dict[str, Any]]:
    before = Seal.objects.filter(tenant_id=tenant, seq=first - 1).values_list("curr", flat=True).first()
    yield {
        "type": "header",
        "format": FORMAT,
        "tenant": str(tenant),
        "first": first,
        "last": end.size,
        "prev": before or rules.GENESIS,
        "peaks": [peak.hex() for peak in tiles.peaks(tenant, first - 1).peaks],
    }
    for row in reading.sealed(tenant, first=first, last=end.size):
        if row.is_gone:
            raise ExportRange(
                f"The entry {row.entry_id.decode()} of number {int(row.seq)} is gone: verify the ledger."
            )
        yield {
            "type": "entry",
            "seq": int(row.seq),
            "prev": row.prev.decode(),
            "curr": row.curr.decode(),
            "digest": row.digest.decode(),
            **row.record(str(tenant)),
        }
    kids = {kid}
    checkpoints = Checkpoint.objects.filter(tenant_id=tenant, size__gte=first, size__lte=end.size)
    for checkpoint in checkpoints.order_by("size").iterator(chunk_size=2_000):
        kids.add(checkpoint.kid)
        signed = proofs.SignedRoot.of(checkpoint)
        yield {"type": "checkpoint", **{name: getattr(signed, name) for name in signed.__slots__}}
    for key in keys.public_keys(rules.PURPOSE):
        if key.kid in kids or key.state == "active":
            yield {"type": "key", "kid": key.kid, "algorithm": key.algorithm, "pem": key.pem()}


def _stamped(lines: Iterator[dict[str, Any]], signer: keys.Signer) -> Iterator[bytes]:
    """Yield the lines and, at the end, their signed count and hash."""
    running = hashlib.sha256()
    count = 0
    for line in lines:
        data = canonical.encode(line) + b"\n"
        running.update(data)
        count += 1
        yield data
    statement = {"lines": count, "sha256": running.hexdigest(), "time": rules.instant(clock.now())}
    signature = signer.sign(canonical.encode(statement))
    yield (
        canonical.encode({"type": "end", **statement, "kid": signature.kid, "signature": signature.text()})
        + b"\n"
    )
