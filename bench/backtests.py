"""Backtests of the lending pack: metrics and flips between two versions, from Parquet, CSV and history.

Rows from DOS_BENCH_ROWS (1,000,000), generated from one seed. Before the clock runs, both engines must give
one report on a sample, and the reports over all rows must be the same from either file. ``history`` is the
path of our own decisions after they were read: opening the sealed inputs, writing them as lines, evaluating.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ROWS = int(os.environ.get("DOS_BENCH_ROWS", "1000000"))
DISTINCT, SAMPLE, PASSES = 20_000, 5_000, 3


def _contracts() -> tuple[Any, Any]:
    from policy.decisions.contracts import compiled, document
    from policy.rules import rulesets

    folder = ROOT / "packs" / "lending"
    value = document.load((folder / "contracts/lending.yaml").read_text())
    first = (folder / "rulesets/lending.yaml").read_text()
    guards = rulesets.loads((folder / "rulesets/lending_guards.yaml").read_text())
    made = []
    for version, text in (("1.0.0", first), ("1.1.0", first.replace("< 550", "< 580"))):
        parsed = document.parse({**value, "version": version}, ruleset_version="0.1.0")
        made.append(compiled.compile_contract(parsed, [rulesets.loads(text), guards]))
    return made[0], made[1]


def _files(folder: Path, names: list[str]) -> None:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    from policy.decisions import demo

    base = [{name: item.get(name) for name in names} for item in demo.applications(DISTINCT)]
    table = pa.Table.from_pylist(base)
    whole = pa.concat_tables([table] * max(1, ROWS // DISTINCT)).combine_chunks()
    for name, part in (("all", whole), ("sample", table.slice(0, SAMPLE))):
        pq.write_table(part, folder / f"{name}.parquet")
        pyarrow.csv.write_csv(part, folder / f"{name}.csv")


def _told(report: dict[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in report.items() if name not in {"engine", "engine_reason", "source"}}


def _timed(act: Callable[[], Any]) -> tuple[float, Any]:
    taken, result = [], None
    for _ in range(PASSES):
        start = time.perf_counter()
        result = act()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken), result


def _history(compiled: Any, baseline: Any, folder: Path) -> float:
    import orjson

    from decisionos.kernel import encryption
    from policy.decisions import demo
    from policy.decisions.backtests import engine, sources

    context = b"policy_decisions_decision.sealed"
    inputs = [orjson.dumps(item) for item in demo.applications(DISTINCT)]
    sealed = [encryption.seal(b'{"input":' + text + b"}", context=context) for text in inputs]
    path, start = folder / "history.jsonl", time.perf_counter()
    with path.open("wb") as handle:
        for _ in range(max(1, ROWS // DISTINCT)):
            for blob in sealed:
                held = orjson.loads(encryption.open_sealed(blob, context=context))
                handle.write(orjson.dumps(held["input"], option=orjson.OPT_APPEND_NEWLINE))
    engine.evaluate(compiled, sources.Source("jsonl", path), baseline=baseline)
    return time.perf_counter() - start


def run() -> list[dict[str, Any]]:
    """Measure and return one row per source."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "decisionos.settings")
    import django

    django.setup()
    from policy.decisions.backtests import engine, sources

    compiled, baseline = _contracts()
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="dos-bench-") as name:
        folder = Path(name)
        _files(folder, list(compiled.document.input_schema["properties"]))
        reports = []
        for kind, target in (("parquet", 0.5), ("csv", 1.5)):
            sample = sources.Source(kind, folder / f"sample.{kind}")
            both = [
                engine.evaluate(compiled, sample, baseline=baseline, engine=e) for e in ("columnar", "rows")
            ]
            agree = _told(both[0]) == _told(both[1])
            source = sources.Source(kind, folder / f"all.{kind}")
            seconds, report = _timed(
                lambda chosen=source: engine.evaluate(compiled, chosen, baseline=baseline)
            )
            reports.append(_told(report))
            same = report["engine"] == "columnar" and reports[0] == reports[-1]
            found.append(
                {
                    "what": f"backtest of {ROWS:,} rows from {kind}",
                    "value": round(seconds, 3),
                    "unit": "s",
                    "note": f"median of {PASSES}; aim {target}; "
                    f"sample agrees with the row engine: {agree}; same as from parquet: {same}",
                }
            )
        seconds = _history(compiled, baseline, folder)
        what = f"backtest of {ROWS:,} sealed inputs (without reading them from the database)"
        found.append({"what": what, "value": round(seconds, 3), "unit": "s", "note": "one pass; aim 5.0"})
    return found


if __name__ == "__main__":
    for line in run():
        print(line)
