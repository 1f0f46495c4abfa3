"""Rules: six lending rules with and without trace, a table of 600 rows with and without index, beside peers.

Every engine first has to give the same answers on the same 200 applicants; one that does not is reported as
disagreeing and not timed. The clock runs around one call with a Python dict going in and the engine's own
result coming out; its own cost is measured and taken off. A decision of ours evaluates every condition each
time, but concludes an outcome only once per combination of matching rules and remembers it; what a new
combination costs is a line of its own. The CEL peers have no tables: they evaluate a list of 600 conditions,
without stopping at the first. Peers are used on their fast path: zen-engine with
a static loader, the CEL engines with a program compiled beforehand. Engines within a few microseconds of each
other cannot be ranked on a small machine.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

from policy.rules import cells, compiling, tables
from policy.rules.compiling.tables import compile_table
from policy.rules.rulesets import Action, Rule, Ruleset

Applicant = dict[str, Any]
Engine = tuple[Callable[[Applicant], Any], Callable[[Any], Any]]
"""The timed call, and what turns its result into a comparable answer."""

APPLICANTS, PASSES, ROWS = 200, 40, 600
SCHEMA = {
    "type": "object",
    "required": ["credit_score", "dti", "income_verified"],
    "properties": {
        "credit_score": {"type": "integer", "minimum": 0, "maximum": 1000},
        "dti": {"type": "number", "minimum": 0, "maximum": 5},
        "income_verified": {"type": "boolean"},
    },
}
CONDITIONS = {
    "low_credit": "credit_score < 550",
    "strong": "credit_score >= 700 && dti <= 0.35",
    "high_dti": "dti > 0.6",
    "mid": "credit_score >= 650 && dti <= 0.45 && income_verified",
    "unverified": "!income_verified",
    "borderline": "credit_score >= 600 && credit_score < 650",
}
CEL_LIST = " + ".join(f"({condition} ? ['{name}'] : [])" for name, condition in CONDITIONS.items())


def applicants() -> list[Applicant]:
    """Return the seeded applicants."""
    source = random.Random(20251129)
    return [
        {
            "credit_score": source.randint(450, 850),
            "dti": source.randint(5, 95) / 100,
            "income_verified": source.random() < 0.6,
        }
        for _ in range(APPLICANTS)
    ]


def bands() -> list[tuple[int, int, float, float]]:
    """Return 600 rectangles of score and debt ratio in random order, without overlap."""
    grid = [
        (400 + 16 * column, 416 + 16 * column, round(0.05 * line, 2), round(0.05 * line + 0.05, 2))
        for column in range(30)
        for line in range(20)
    ]
    random.Random(7).shuffle(grid)
    return grid


def _program() -> compiling.Program:
    rules = tuple(
        Rule(name, condition, Action("review", (name,)), priority=10 - place)
        for place, (name, condition) in enumerate(CONDITIONS.items())
    )
    return compiling.compile_rulesets([Ruleset("bench", rules)], SCHEMA)


def _reasons(outcome: Any) -> Any:
    return set(outcome.reasons) - {"no_rule_matched"}


def _table(rows: list[tuple[int, int, float, float]]) -> tables.Table:
    return tables.Table(
        "bench",
        "first",
        (tables.TableInput("credit_score", "credit_score"), tables.TableInput("dti", "dti")),
        ("row",),
        tuple(
            tables.TableRow(str(number), (cells.parse(f"[{a}..{b})"), cells.parse(f"[{c}..{d})")), (number,))
            for number, (a, b, c, d) in enumerate(rows)
        ),
    )


def _zen(content: dict[str, Any], *, trace: bool = False) -> Callable[[Applicant], Any]:
    import zen

    nodes = [
        {"id": "in", "type": "inputNode", "name": "in", "position": {"x": 0, "y": 0}},
        {
            "id": "t",
            "type": "decisionTableNode",
            "name": "t",
            "position": {"x": 1, "y": 0},
            "content": content,
        },
        {"id": "out", "type": "outputNode", "name": "out", "position": {"x": 2, "y": 0}},
    ]
    edges = [
        {"id": f"{one}-{two}", "sourceId": one, "targetId": two, "type": "edge"}
        for one, two in (("in", "t"), ("t", "out"))
    ]
    engine = zen.ZenEngine({"loader": {"type": "static", "content": {"p": {"nodes": nodes, "edges": edges}}}})
    options = {"trace": True} if trace else {}
    return lambda data: engine.evaluate("p", data, options)


def _zen_rules(*, trace: bool = False) -> Engine:
    rows = [
        {"_id": name, "c": text.replace("&&", "and").replace("!income", "not income"), "r": json.dumps(name)}
        for name, text in CONDITIONS.items()
    ]
    content = {
        "hitPolicy": "collect",
        "inputs": [{"id": "c", "name": "c"}],
        "outputs": [{"id": "r", "name": "r", "field": "r"}],
        "rules": rows,
    }
    return _zen(content, trace=trace), lambda answer: {item["r"] for item in answer["result"]}


def _zen_table() -> Engine:
    content = {
        "hitPolicy": "first",
        "inputs": [{"id": name, "name": name, "field": name} for name in ("credit_score", "dti")],
        "outputs": [{"id": "r", "name": "r", "field": "r"}],
        "rules": [
            {"_id": str(n), "credit_score": f"[{a}..{b})", "dti": f"[{c}..{d})", "r": str(n)}
            for n, (a, b, c, d) in enumerate(bands())
        ],
    }
    return _zen(content), lambda answer: (answer["result"] or {}).get("r")


def _cel_table() -> str:
    """Return the table as a list of truths: the language itself has no tables."""
    parts = (
        f"credit_score >= {a} && credit_score < {b} && dti >= {c!r} && dti < {d!r}" for a, b, c, d in bands()
    )
    return "[" + ", ".join(parts) + "]"


def _first_true(answer: list[bool]) -> int | None:
    return next((place for place, value in enumerate(answer) if value), None)


def _cel_rust(source: str, check: Callable[[Any], Any]) -> Engine:
    import cel

    program = cel.compile(source)
    return program.execute, check


def _cel_cpp(source: str, check: Callable[[Any], Any]) -> Engine:
    from cel_expr_python import cel

    kinds = {"credit_score": cel.Type.INT, "dti": cel.Type.DOUBLE, "income_verified": cel.Type.BOOL}
    expression = cel.NewEnv(variables=kinds).compile(source)
    return (lambda data: expression.eval(data=data).plain_value()), check


def _ours(name: str) -> Engine:
    program = _program()
    return getattr(program, name), _reasons


def _ours_forgetful() -> Engine:
    program = _program()

    def decide(data: Applicant) -> Any:
        program.remembered.clear()
        return program.decide(data)

    return decide, _reasons


def _our_table(name: str) -> Engine:
    program = compile_table(_table(bands()), SCHEMA)
    return getattr(program, name), lambda outcome: outcome.result["row"] if outcome.result else None


SIX: dict[str, Callable[[], Engine]] = {
    "decisionos, no trace": lambda: _ours("decide"),
    "decisionos, a combination not seen before": _ours_forgetful,
    "decisionos, full trace": lambda: _ours("explain"),
    "zen-engine, no trace": _zen_rules,
    "zen-engine, trace": lambda: _zen_rules(trace=True),
    "cel-rust (common-expression-language)": lambda: _cel_rust(CEL_LIST, set),
    "cel-cpp (cel-expr-python)": lambda: _cel_cpp(CEL_LIST, set),
}
TABLE: dict[str, Callable[[], Engine]] = {
    "decisionos, index": lambda: _our_table("decide"),
    "decisionos, scan": lambda: _our_table("scan"),
    "zen-engine": _zen_table,
    "cel-rust (common-expression-language)": lambda: _cel_rust(_cel_table(), _first_true),
    "cel-cpp (cel-expr-python)": lambda: _cel_cpp(_cel_table(), _first_true),
}
PACKAGES = {"zen": "zen-engine", "cel-rust": "common-expression-language", "cel-cpp": "cel-expr-python"}


def _version(name: str) -> str:
    package = next((value for key, value in PACKAGES.items() if name.startswith(key)), "decisionos")
    return "this tree" if package == "decisionos" else metadata.version(package)


def _clock_cost() -> float:
    costs = []
    for _ in range(5_000):
        start = time.perf_counter_ns()
        costs.append(time.perf_counter_ns() - start)
    return statistics.median(costs)


def _measure(call: Callable[[Applicant], Any], data: list[Applicant]) -> tuple[float, float]:
    for item in data:
        call(item)
    cost, taken = _clock_cost(), []
    for _ in range(PASSES):
        for item in data:
            start = time.perf_counter_ns()
            call(item)
            taken.append(time.perf_counter_ns() - start)
    taken.sort()
    return tuple(round(max(taken[int(len(taken) * share)] - cost, 0.0) / 1_000, 3) for share in (0.5, 0.99))  # type: ignore[return-value]


def _case(title: str, engines: dict[str, Callable[[], Engine]], expected: list[Any]) -> list[dict[str, Any]]:
    data, results = applicants(), []
    for name, build in engines.items():
        row: dict[str, Any] = {"what": f"{title}: {name}", "benchmark": title, "engine": name}
        row |= {"unit": "us/call", "value": None, "version": "", "note": ""}
        try:
            row["version"] = _version(name)
            call, answer = build()
            given = [answer(call(dict(item))) for item in data]
        except Exception as error:  # noqa: BLE001 - a peer that is absent or fails is a line of the report
            results.append({**row, "status": f"not measured: {type(error).__name__}: {str(error)[:80]}"})
            continue
        wrong = sum(one != two for one, two in zip(given, expected, strict=True))
        if wrong:
            results.append({**row, "status": f"disagrees on {wrong} of {len(data)}"})
            continue
        p50, p99 = _measure(call, data)
        results.append({**row, "status": "ok", "p50": p50, "p99": p99, "value": p50})
    for row in results:
        figure = f"p50 {row['p50']}, p99 {row['p99']}" if row["status"] == "ok" else row["status"]
        row["note"] = f"{figure}; {row['version']}"
    return results


def _expected_reasons(item: Applicant) -> set[str]:
    score, dti, verified = item["credit_score"], item["dti"], item["income_verified"]
    truths = {
        "low_credit": score < 550,
        "strong": score >= 700 and dti <= 0.35,
        "high_dti": dti > 0.6,
        "mid": score >= 650 and dti <= 0.45 and verified,
        "unverified": not verified,
        "borderline": 600 <= score < 650,
    }
    return {name for name, holds in truths.items() if holds}


def _expected_row(item: Applicant, rows: list[tuple[int, int, float, float]]) -> int | None:
    score, dti = item["credit_score"], item["dti"]
    return next((n for n, (a, b, c, d) in enumerate(rows) if a <= score < b and c <= dti < d), None)


def run() -> list[dict[str, Any]]:
    """Return a line per engine and benchmark."""
    data, rows = applicants(), bands()
    six = _case("six rules, all reasons", SIX, [_expected_reasons(item) for item in data])
    return six + _case(f"table of {ROWS} rows", TABLE, [_expected_row(item, rows) for item in data])


def main() -> None:
    """Print the lines as a table."""
    for row in run():
        figures = (
            f"p50 {row['p50']:>9.2f}  p99 {row['p99']:>9.2f} us" if row["status"] == "ok" else row["status"]
        )
        print(f"{row['benchmark']:24} {row['engine']:44} {row['version']:10} {figures}")


if __name__ == "__main__":
    main()
