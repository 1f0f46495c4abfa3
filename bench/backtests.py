"""Backtests of the lending pack: metrics and flips between two versions, from Parquet, CSV and history.

Rows from DOS_BENCH_ROWS (1,000,000): 20,000 distinct applications, generated from one seed and repeated.
Before the clock runs, both engines must give one report over every distinct row, flips and segments included;
the reports over all rows must then be the same from every source. ``history`` is the whole way: decisions lie
in PostgreSQL as the pipeline wrote them, each sealed with a key of its own, and are read, opened and
evaluated; repeated decisions are copies of the sealed rows under ids of their own.
"""

from __future__ import annotations

import datetime
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import ledger

ROOT = Path(__file__).resolve().parent.parent
ROWS = int(os.environ.get("DOS_BENCH_ROWS", "1000000"))
DISTINCT, PASSES, GROUP = 20_000, 5, 500
TENANT = uuid.UUID(int=7)
LATER = "d.decided_at + interval '2 days'"
AIMS = {"parquet": 0.5, "csv": 1.5, "history": 5.0}


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
    for name, part in (("all", whole), ("distinct", table)):
        pq.write_table(part, folder / f"{name}.parquet")
        pyarrow.csv.write_csv(part, folder / f"{name}.csv")


def _told(report: dict[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in report.items() if name not in {"engine", "engine_reason", "source"}}


def _timed(act: Callable[[], Any]) -> tuple[float, float, Any]:
    taken, result = [], None
    for _ in range(PASSES):
        start = time.perf_counter()
        result = act()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken), min(taken), result


def _agrees(compiled: Any, baseline: Any, source: Any) -> bool:
    """Say whether both engines give one report over a source, whole."""
    from policy.decisions.backtests import downloads, engine

    fast, slow = (
        engine.run(compiled, source, baseline=baseline, engine=name, cut_by=None, keep_flips=ROWS)
        for name in ("columnar", "rows")
    )
    lists = [downloads.flips_csv(item.flips, []) for item in (fast, slow)]
    return _told(fast.report) == _told(slow.report) and lists[0] == lists[1] and fast.invalid == slow.invalid


def _decide(compiled: Any) -> None:
    """Write the distinct decisions as the pipeline does, then the copies."""
    from policy.decisions import demo, pipeline, recording

    now = datetime.datetime.now(datetime.UTC)
    caller = pipeline.Caller(TENANT, "bench")
    made: list[Any] = []
    ids: list[uuid.UUID] = []
    for at, given in enumerate(demo.applications(DISTINCT), start=1):
        made.append(pipeline.make(compiled, pipeline.read_request({"input": given}), caller, now=now))
        if len(made) == GROUP or at == DISTINCT:
            recording.record(TENANT, made)
            ids += [item.id for item in made]
            made = []
    _copy(ids)


def _copy(ids: list[uuid.UUID]) -> None:
    """Copy the sealed rows into a later day, under ids that follow the order of the files' rows."""
    import psycopg
    from django.conf import settings

    # The owner is held to row-level security as everybody is; only the server's administrator copies rows.
    with psycopg.connect(settings.DOS_ADMIN_DSN_OF(str(settings.DATABASES["default"]["NAME"]))) as connection:
        columns = [
            name
            for (name,) in connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = 'policy_decisions_decision'::regclass "
                "AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attname <> 'id'"
            )
        ]
        named = ", ".join(columns)
        connection.execute(
            f"INSERT INTO policy_decisions_decision (id, {named}) "
            "SELECT ('0fffffff-ffff-7000-8000-' || lpad(to_hex(copy * 10000000 + at), 12, '0'))::uuid, "
            f"{', '.join(LATER if name == 'decided_at' else f'd.{name}' for name in columns)} "
            "FROM policy_decisions_decision AS d "
            "JOIN unnest(%s::uuid[]) WITH ORDINALITY AS given(id, at) USING (id), "
            "generate_series(1, %s) AS copy",
            [ids, max(1, ROWS // DISTINCT)],
        )
        connection.execute(
            "DELETE FROM policy_decisions_decision WHERE id > '0fffffff-ffff-7fff-8000-000000000000'"
        )
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE policy_decisions_decision")


def _row(kind: str, seconds: float, least: float, note: str) -> dict[str, Any]:
    return {
        "area": "backtests",
        "what": f"backtest of {ROWS:,} rows from {kind}",
        "value": round(seconds, 3),
        "unit": "s",
        "note": f"median of {PASSES} (fastest {least:.3f}); aim {AIMS[kind]}; {note}",
    }


def measure(folder: Path) -> list[dict[str, Any]]:
    """Measure and return one row per source."""
    from policy.decisions.backtests import engine, history, sources

    compiled, baseline = _contracts()
    found: list[dict[str, Any]] = []
    _files(folder, list(compiled.document.input_schema["properties"]))
    reports: list[dict[str, Any]] = []
    held = {kind: sources.Source(kind, folder / f"all.{kind}") for kind in ("parquet", "csv")}
    if os.environ.get("DOS_BENCH_HISTORY", "1") != "0":
        _decide(compiled)
        start = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
        held["history"] = history.History(TENANT, "lending", start).source()
    for kind, source in held.items():
        part = source if kind == "history" else sources.Source(kind, folder / f"distinct.{kind}")
        agrees = kind == "history" or _agrees(compiled, baseline, part)

        def act(chosen: Any = source) -> dict[str, Any]:
            return engine.evaluate(compiled, chosen, baseline=baseline)

        seconds, least, report = _timed(act)
        reports.append(_told(report))
        same = report["engine"] == "columnar" and reports[0] == reports[-1]
        rows = report["metrics"]["rows"]
        checked = "" if kind == "history" else f"agrees with the row engine on every distinct row: {agrees}; "
        found.append(_row(kind, seconds, least, f"{checked}{rows:,} rows, same as from parquet: {same}"))
        if not (agrees and same):
            raise SystemExit(f"{kind}: the answers differ; no figure is given")
    return found


def run() -> list[dict[str, Any]]:
    """Measure in an installation of its own."""
    with ledger.installation(), tempfile.TemporaryDirectory(prefix="dos-bench-") as name:
        return measure(Path(name))


if __name__ == "__main__":
    for line in run():
        print(line)
