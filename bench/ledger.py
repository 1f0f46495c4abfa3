"""The ledger: appending in groups, sealing, verifying, proving. Sizes from DOS_BENCH_LEDGER (100,000).

Runs on the embedded PostgreSQL with the settings a fresh installation has (fsync on), as the serving role.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TENANT = uuid.UUID(int=1)
GROUP = 500
PROOFS = 500


@contextlib.contextmanager
def installation() -> Iterator[None]:
    """Bring up a database of its own for the measurement, and take it away afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="dos-bench-"))
    folder.chmod(0o755)
    os.environ["DOS_DATA_DIR"] = str(folder)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "decisionos.settings")
    for name in ("DATABASE_URL", "DOS_ENV"):
        os.environ.pop(name, None)
    from decisionos.kernel.servers import embedded
    from decisionos.kernel.servers.places import Places

    places = Places(folder)
    server = embedded.start_postgres(places)
    try:
        subprocess.run([sys.executable, "manage.py", "setup"], cwd=ROOT, check=True, capture_output=True)
        import django

        django.setup()
        yield
    finally:
        from django.db import connections

        connections.close_all()
        embedded.stop(server, how=2)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(places.sockets, ignore_errors=True)


def _payload(number: int) -> dict[str, Any]:
    return {
        "decision_id": f"d-{number}",
        "class": "approve",
        "confidence": 0.87,
        "reasons": ["income_verified", "score_above_threshold"],
        "input_hash": "9f" * 32,
        "rules_version": 7,
        "amount": number,
    }


def _row(what: str, value: float, unit: str, note: str) -> dict[str, Any]:
    return {"area": "ledger", "what": what, "value": round(value, 3), "unit": unit, "note": note}


def _append(size: int) -> list[dict[str, Any]]:
    from decisionos.kernel.ledger import services
    from decisionos.kernel.tenants import scope

    singles = min(2_000, size)
    start = time.perf_counter()
    for number in range(singles):
        with scope.tenant_scope(TENANT):
            services.append(kind="policy.decision", payload=_payload(number), subject_id=str(number))
    alone = singles / (time.perf_counter() - start)
    start = time.perf_counter()
    for first in range(singles, size, GROUP):
        with scope.tenant_scope(TENANT):
            services.append_many(
                services.Draft("policy.decision", _payload(number), "decision", str(number))
                for number in range(first, min(first + GROUP, size))
            )
    grouped = (size - singles) / (time.perf_counter() - start)
    return [
        _row("append, one per transaction", alone, "entries/s", "one process"),
        _row("append, grouped", grouped, "entries/s", f"{GROUP} per statement, one process"),
    ]


def _prove(size: int) -> dict[str, Any]:
    from decisionos.kernel.ledger import proofs
    from decisionos.kernel.ledger.models import Seal
    from decisionos.kernel.tenants import scope

    times: list[float] = []
    with scope.tenant_scope(TENANT):
        for step in range(PROOFS):
            entry_id = Seal.objects.get(seq=1 + step * (size - 1) // (PROOFS - 1)).entry_id
            start = time.perf_counter()
            proof = proofs.prove_entry(entry_id)
            times.append(time.perf_counter() - start)
            if not proof.holds():
                raise AssertionError("a proof does not hold")
    times.sort()
    note = f"median of {PROOFS} in a chain of {size}; p99 {times[PROOFS * 99 // 100] * 1000:.2f} ms"
    return _row("inclusion proof", statistics.median(times) * 1000, "ms", note)


def _verify(size: int) -> dict[str, Any]:
    from decisionos.kernel.ledger import verifying
    from decisionos.kernel.tenants import scope

    start = time.perf_counter()
    with scope.tenant_scope(TENANT):
        result = verifying.verify_ledger()
    seconds = time.perf_counter() - start
    if not result.is_consistent or result.entries != size:
        raise AssertionError(f"the chain is not consistent: {result}")
    return _row("verify in the database", size / seconds, "entries/s", f"{size} entries, one process")


def _verify_alone(size: int) -> list[dict[str, Any]]:
    """Export the chain, and let the one-file verifier check it in a process of its own."""
    from decisionos.kernel.keys import services as keys
    from decisionos.kernel.ledger import export, rules, verifier
    from decisionos.kernel.tenants import scope

    folder = Path(os.environ["DOS_DATA_DIR"])
    file, trusted = folder / "export.ndjson", folder / "trusted.pem"
    trusted.write_text("".join(key.pem() for key in keys.public_keys(rules.PURPOSE)))
    start = time.perf_counter()
    with scope.tenant_scope(TENANT), file.open("wb") as stream:
        stream.writelines(export.export_lines())
    exported = size / (time.perf_counter() - start)
    command = [sys.executable, "-I", str(verifier.__file__), str(file), "--key", str(trusted)]
    start = time.perf_counter()
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if not answer.stdout.startswith(f"OK entries 1 to {size},"):
        raise AssertionError(answer.stdout)
    size_text = f"{file.stat().st_size / 1e6:.0f} MB, the start of the interpreter included"
    file.unlink()
    return [
        _row("export", exported, "entries/s", "NDJSON, one process"),
        _row("verify the export, one file alone", size / seconds, "entries/s", size_text),
    ]


def run() -> list[dict[str, Any]]:
    """Measure and return one row per figure."""
    size = int(os.environ.get("DOS_BENCH_LEDGER", "100000"))
    with installation():
        from decisionos.kernel.ledger import sealing

        rows = _append(size)
        start = time.perf_counter()
        sealed = sealing.seal_pending(TENANT)
        rows.append(
            _row("seal", sealed / (time.perf_counter() - start), "entries/s", "chain, tree, checkpoints")
        )
        rows.append(_verify(size))
        rows += _verify_alone(size)
        rows.append(_prove(size))
    return rows


if __name__ == "__main__":
    for line in run():
        sys.stdout.write(f"{line['what']:32} {line['value']:>14,.2f} {line['unit']:10} {line['note']}\n")
