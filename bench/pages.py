"""Lists and statistics with 1,000,000 decisions of one organization behind them, over HTTP.

Rows from DOS_BENCH_PAGES. Every hundredth or so is decided by the product itself; the rest are copies of
those rows at other moments of thirty days, laid in by the tables' owner, each with a ledger entry of its own;
then the product's own sealer numbers and the product's own counting counts them. Requests go through Django's
whole stack (sessions, row-level security, templates) in this process, as the serving role. Each answer is
checked before its time is; sums that a process would keep are computed anew each time. With DOS_BENCH_FOLDER
the database is kept there and used again.
"""

from __future__ import annotations

import contextlib
import datetime
import json
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
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
ROWS = int(os.environ.get("DOS_BENCH_PAGES", "1000000"))
DISTINCT = max(100, min(10_000, ROWS // 100))
PASSES, DAYS, LIMIT_MS = 20, 30, 200.0
EMAIL, PASSWORD = "bench@example.com", "a bench is not a secret 1"


@contextlib.contextmanager
def installation() -> Iterator[None]:
    """Bring up a database of its own, or the kept one, and stop it afterwards."""
    kept = os.environ.get("DOS_BENCH_FOLDER")
    folder = Path(kept or tempfile.mkdtemp(prefix="dos-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
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
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(places.sockets, ignore_errors=True)


_MAPPING = """
CREATE TEMP TABLE copies AS
SELECT d.id AS source, uuidv7() AS id, uuidv7() AS entry_id, %(now)s::timestamptz - x.age AS at,
       'bench-' || n AS trace
FROM generate_series(1, %(copies)s) AS n
CROSS JOIN policy_decisions_decision d
CROSS JOIN LATERAL (SELECT (random() * %(days)s + n * 0) * interval '1 day' + d.duration_us * interval '0 s'
                    AS age) x
WHERE d.tenant_id = %(tenant)s
"""
_ENTRIES = """
INSERT INTO kernel_ledger_entry (id, tenant_id, kind, subject_type, subject_id, actor, corr_id, payload,
    occurred_at, digest)
SELECT c.entry_id, e.tenant_id, e.kind, e.subject_type, c.id::text, e.actor, c.trace, e.payload, c.at,
    encode(sha256(c.entry_id::text::bytea), 'hex')
FROM copies c JOIN policy_decisions_decision d ON d.id = c.source
JOIN kernel_ledger_entry e ON e.id = d.ledger_entry_id
ORDER BY c.at
"""
_CHANGED = {
    "id": "c.id",
    "ledger_entry_id": "c.entry_id",
    "decided_at": "c.at",
    "corr_id": "c.trace",
    "idempotency_key": "''",
}


def _copy_rows(tenant: uuid.UUID, now: datetime.datetime) -> None:
    import psycopg
    from django.conf import settings

    from policy.decisions.models import Decision

    columns = [field.column for field in Decision._meta.concrete_fields if not field.generated]
    values = ", ".join(_CHANGED.get(name, f"d.{name}") for name in columns)
    decisions = (
        f"INSERT INTO policy_decisions_decision ({', '.join(columns)}) SELECT {values} "
        "FROM copies c JOIN policy_decisions_decision d ON d.id = c.source ORDER BY c.at"
    )
    with psycopg.connect(settings.DOS_OWNER_DSN, autocommit=True) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, false)", [str(tenant)])
        copies = max(0, ROWS // DISTINCT - 1)
        connection.execute(_MAPPING, {"tenant": tenant, "copies": copies, "now": now, "days": DAYS})
        with connection.transaction():
            connection.execute(_ENTRIES)
            connection.execute(decisions)
        for table in ("policy_decisions_decision", "kernel_ledger_entry"):
            connection.execute(f"VACUUM ANALYZE {table}")


def _decide(tenant: uuid.UUID, now: datetime.datetime) -> None:
    from decisionos.kernel.tenants import scope
    from policy.decisions import demo, pipeline, services
    from policy.packs import services as packs

    with scope.tenant_scope(tenant):
        pack = packs.import_pack(files=demo.bundled_pack(), actor="bench", now=now)
        packs.activate_pack(name=pack.name, version=pack.version, actor="bench", now=now)
    given = [{n: v for n, v in item.items() if n != demo.LABEL} for item in demo.applications(DISTINCT)]
    for share in range(20):
        caller = pipeline.Caller(tenant, f"key:{uuid.UUID(int=share % 5 + 1)}", f"seed-{share}")
        environment = ("prod", "prod", "prod", "stage", "dev")[share % 5]
        body = {"context": {"environment": environment}}
        asked = [
            (line, pipeline.read_request({"input": item, "subject": f"S-{share}-{line % 700}", **body}))
            for line, item in enumerate(given[share::20])
        ]
        for _ in services.decide_many(contract="lending", asked=iter(asked), caller=caller, now=now):
            pass


def fill() -> dict[str, Any]:
    """Lay in the decisions; returns what was made and how long each step took."""
    from decisionos.kernel import clock
    from decisionos.kernel.ledger import sealing
    from decisionos.kernel.tenants import scope
    from policy.decisions.statistics import folding
    from tenancy.access import services as access
    from tenancy.identity import keys
    from tenancy.identity import services as identity
    from tenancy.organizations import services as organizations

    now, taken = clock.now(), {}
    tenant = organizations.create_organization(slug="bench", name="Bench").id
    with scope.tenant_scope(tenant):
        key = keys.issue_key(name="bench", role="admin")[1]
    made = {"tenant": str(tenant), "key": key, "now": now.isoformat()}
    made["user"] = _person(tenant, identity, access)
    for name, act in (
        ("decide", lambda: _decide(tenant, now)),
        ("copy", lambda: _copy_rows(tenant, now)),
        ("seal", lambda: sealing.seal_pending(tenant)),
        ("count", lambda: folding.fold_pending(tenant)),
    ):
        began = time.perf_counter()
        act()
        taken[name] = round(time.perf_counter() - began, 1)
        sys.stderr.write(f"{name}: {taken[name]} s\n")
    if folding.compare(tenant):
        raise AssertionError("the hourly counts are not the decisions")
    _vacuum()
    return {**made, "taken": taken}


def _person(tenant: uuid.UUID, identity: Any, access: Any) -> str:
    from decisionos.kernel.tenants import scope

    with scope.tenant_scope(tenant):
        user = identity.create_user(email=EMAIL, password=PASSWORD, name="Bench")
        identity.add_member(user=user)
        access.grant(subject_kind="user", subject_id=user.id, role="owner", granted_by="bench")
    return str(user.id)


def _vacuum() -> None:
    import psycopg
    from django.conf import settings

    with psycopg.connect(settings.DOS_OWNER_DSN, autocommit=True) as connection:
        for table in ("kernel_ledger_seal", "policy_decisions_hourlyoutcome"):
            connection.execute(f"VACUUM ANALYZE {table}")


def prepared() -> dict[str, Any]:
    """Return what stands in the database, laid in where it is not there yet."""
    note = Path(os.environ["DOS_DATA_DIR"]) / "bench-pages.json"
    if note.exists():
        found: dict[str, Any] = json.loads(note.read_text())
        return found
    made = fill()
    note.write_text(json.dumps(made))
    return made


def _windows(made: dict[str, Any]) -> dict[str, tuple[str, str]]:
    now = datetime.datetime.fromisoformat(made["now"])
    text = {days: (now - datetime.timedelta(days=days)).isoformat() for days in (1, 7, 15, 16)}
    return {
        "day": (text[1], now.isoformat()),
        "week": (text[7], now.isoformat()),
        "past": (text[16], text[15]),
    }


def queries(made: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return the filters that are measured, by name; each for a list page."""
    from decisionos.kernel.tenants import scope
    from policy.decisions.models import Decision

    with scope.tenant_scope(made["tenant"]):
        row = Decision.objects.filter(corr_id="bench-7").only("id", "ledger_entry_id", "corr_id").first()
    if row is None:
        raise AssertionError("the copies are not there")
    windows = {name: dict(zip(("from", "to"), pair, strict=True)) for name, pair in _windows(made).items()}
    return {
        "no filter": {},
        "class": {"class": "reject"},
        "contract and version": {"contract": "lending", "version": "1.0.0"},
        "contract that is not there": {"contract": "none"},
        "common reason": {"reason": "credit_score_below_threshold"},
        "two filters": {"class": "review", "environment": "dev"},
        "rule": {"rule": "reject_low_credit"},
        "last day": windows["day"],
        "a day two weeks ago": windows["past"],
        "class in a week": {"class": "approve", **windows["week"]},
        "actor": {"actor": str(f"key:{uuid.UUID(int=3)}")},
        "actor that is not there": {"actor": "key:none"},
        "actor and class": {"actor": f"key:{uuid.UUID(int=3)}", "class": "reject"},
        "confidence, common": {"confidence_min": "0.5", "confidence_max": "0.8"},
        "confidence, none": {"confidence_min": "0.123", "confidence_max": "0.124"},
        "subject": {"subject": "S-3-77"},
        "words": {"q": "credit score"},
        "words that are not there": {"q": "nothing like it"},
        "search by decision id": {"q": str(row.id)},
        "search by ledger id": {"q": str(row.ledger_entry_id)},
        "search by trace": {"q": row.corr_id},
    }


def _time(client: Any, path: str, headers: dict[str, str] | None = None) -> tuple[list[float], bytes]:
    from policy.decisions.statistics import kept

    taken, content = [], b""
    for _ in range(PASSES):
        kept.forget()
        began = time.perf_counter()
        answer = client.get(path, headers=headers or {})
        content = b"".join(answer) if answer.streaming else answer.content
        taken.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise AssertionError(f"{path}: {answer.status_code} {content[:300]!r}")
    return sorted(taken), content


def _line(what: str, taken: list[float]) -> dict[str, Any]:
    p95 = taken[max(0, -(-len(taken) * 95 // 100) - 1)]
    return {
        "area": "pages",
        "what": what,
        "value": round(p95, 1),
        "unit": "ms p95",
        "note": f"p50 {statistics.median(taken):.1f}, slowest {taken[-1]:.1f}; aim {LIMIT_MS:.0f}",
    }


def _selectors(made: dict[str, Any]) -> list[dict[str, Any]]:
    """Measure the questions behind the pages, each in a transaction of its own."""
    from decisionos.kernel import clock
    from decisionos.kernel.tenants import scope
    from policy.decisions import counting, filters, listing
    from policy.decisions.statistics import kept, selectors

    acts: dict[str, Any] = {}
    for name, query in queries(made).items():
        wanted = filters.from_query(filters.Plain.of(query))
        acts[f"list and count: {name}"] = lambda f=wanted: counting.count(f, page=listing.list_page(f))
    deep = listing.Place(datetime.datetime.fromisoformat(_windows(made)["past"][0]), uuid.UUID(int=0))
    acts["list: page in the middle"] = lambda: listing.list_page(filters.Filters(), cursor=deep.as_text())
    month = selectors.Window.last(24 * DAYS, now=clock.now())
    acts["statistics: per hour, 30 days"] = lambda: selectors.per_hour(month)
    acts["statistics: answer times, 30 days"] = lambda: selectors.durations(month)
    acts["statistics: main reasons, 30 days"] = lambda: selectors.main_reasons(month)
    found = []
    for name, act in acts.items():
        taken = []
        for _ in range(PASSES):
            kept.forget()
            began = time.perf_counter()
            with scope.tenant_scope(made["tenant"]):
                act()
            taken.append((time.perf_counter() - began) * 1000)
        found.append(_line(name, sorted(taken)))
    return found


def _over_http(made: dict[str, Any]) -> list[dict[str, Any]]:
    from django.test import Client

    client, found = Client(), []
    for name, query in queries(made).items():
        path = f"/api/v1/decisions?{urlencode(query)}"
        taken, _ = _time(client, path, {"X-Api-Key": made["key"]})
        found.append(_line(f"API list: {name}", taken))
    return found


def _pages(made: dict[str, Any]) -> list[dict[str, Any]]:
    """Measure whole pages as somebody who is signed in gets them."""
    from django.test import Client

    from decisionos.kernel.tenants import scope
    from policy.decisions.models import Decision
    from tenancy.identity.models import User

    with scope.tenant_scope(made["tenant"]):
        row = Decision.objects.filter(corr_id="bench-7").only("id", "ledger_entry_id").first()
    client = Client()
    client.force_login(User.objects.get(id=made["user"]), backend="django.contrib.auth.backends.ModelBackend")
    if row is None:
        raise AssertionError("the copies are not there")
    pages = {f"page /decisions: {name}": f"/decisions?{urlencode(q)}" for name, q in _in_pages(made).items()}
    pages |= {f"page /home: {window}": f"/home?window={window}" for window in ("24h", "7d", "30d")}
    pages |= {
        "page of one decision": f"/decisions/{row.id}",
        "page /ledger": "/ledger",
        "page /ledger: kind": "/ledger?kind=decision.made",
        "page /ledger: rare kind": "/ledger?kind=pack.imported",
        "page /ledger: subject": f"/ledger?subject_type=decision&subject_id={row.id}",
        "page /ledger: 7 days": "/ledger?period=7d",
        "page /ledger/checkpoints": "/ledger/checkpoints",
        "page of one entry": f"/ledger/entries/{row.ledger_entry_id}",
    }
    return [_line(name, _time(client, path)[0]) for name, path in pages.items()]


def _in_pages(made: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return the filters as the page writes them: an interval for the confidence."""
    found = {}
    for name, query in queries(made).items():
        rest = {key: text for key, text in query.items() if not key.startswith("confidence")}
        if rest != query:
            rest["confidence"] = f"{query['confidence_min']}..{query['confidence_max']}"
        found[name] = rest
    return found


def run() -> list[dict[str, Any]]:
    """Measure and return one row per page."""
    with installation():
        made = prepared()
        return [*_selectors(made), *_over_http(made), *_pages(made)]


if __name__ == "__main__":
    slow = 0
    for line in run():
        slow += line["value"] > LIMIT_MS
        sys.stdout.write(f"{line['what']:44} {line['value']:>9,.1f} {line['unit']:8} {line['note']}\n")
    sys.stdout.write(f"{slow} of them over {LIMIT_MS:.0f} ms; load {os.getloadavg()}\n")
