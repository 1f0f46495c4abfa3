"""``decide``, ``batch``, ``explain``, ``replay``, ``decisions``."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from decisionos.dosctl import exits, inputs
from decisionos.dosctl.program import Context

_LIST = ("decision_id", "contract", "class", "confidence", "reasons", "subject", "created_at")
_FACTS = ("decision_id", "class", "confidence", "reasons", "required_docs", "versions", "trace_id", "ledger")


def decide(context: Context, arguments: argparse.Namespace) -> int:
    """Decide one case and show the reasons; a reject is an answer, not a refusal."""
    if not arguments.input and not arguments.set:
        raise exits.Stop("Give the input as JSON, as a file, or with --set NAME=VALUE.", exits.INPUT)
    given = inputs.read_object(arguments.input) if arguments.input else {}
    body: dict[str, Any] = {"input": inputs.assign(given, arguments.set)}
    for name in ("subject", "purpose"):
        if getattr(arguments, name):
            body[name] = getattr(arguments, name)
    if arguments.context:
        body["context"] = inputs.read_object(arguments.context)
    headers = {"Idempotency-Key": arguments.idempotency_key} if arguments.idempotency_key else {}
    answer = context.client().call(
        "POST", f"/decide/{arguments.contract}", json=body, headers=headers, write_key=True
    )
    _show(context, answer)
    return exits.DONE


def _show(context: Context, answer: dict[str, Any]) -> None:
    if context.output.as_json:
        context.output.json(answer)
        return
    context.output.facts(answer, {name: answer[name] for name in _FACTS if name in answer})
    rules = answer.get("rules_applied") or []
    if rules:
        context.output.rows(rules, rules, ("rule", "class", "reasons", "values"), title="Rules that matched")
    skipped = answer.get("not_evaluated") or []
    if skipped:
        context.output.rows(skipped, skipped, ("rule", "cause"), title="Rules that could not be evaluated")
    nearest = answer.get("nearest_flip")
    if nearest:
        context.output.facts(nearest, nearest, title="Nearest change that would flip it")


def batch(context: Context, arguments: argparse.Namespace) -> int:
    """Send rows as NDJSON and print or store one answer a line; a row that fails ends with 4."""
    rows = inputs.read_rows(arguments.rows)
    content = "".join(
        json.dumps(row if "input" in row else {"input": row}, ensure_ascii=False) + "\n" for row in rows
    )
    lines = context.client().lines(
        "POST",
        f"/decide/{arguments.contract}/batch",
        content=content.encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    counts: Counter[str] = Counter()
    out = Path(arguments.out).open("w", encoding="utf-8") if arguments.out else None  # noqa: SIM115  closed below
    try:
        for line in lines:
            answer = json.loads(line)
            counts[str(answer.get("class") or "failed")] += 1
            if out:
                out.write(line + "\n")
            else:
                context.output.raw(line)
    finally:
        if out:
            out.close()
    if out:
        summary = {"rows": sum(counts.values()), **counts, "file": arguments.out}
        context.output.facts(summary, summary)
    if sum(counts.values()) != len(rows):
        message = f"{len(rows)} rows were sent and {sum(counts.values())} answered."
        raise exits.Stop(message, exits.INFRASTRUCTURE)
    return exits.INPUT if counts["failed"] else exits.DONE


def explain(context: Context, arguments: argparse.Namespace) -> int:
    """Show a decision's explanation."""
    _show(context, context.client().call("GET", f"/explain/{arguments.decision}"))
    return exits.DONE


def replay(context: Context, arguments: argparse.Namespace) -> int:
    """Replay a decision; a result that differs ends with 2."""
    answer = context.client().call("POST", f"/decisions/{arguments.decision}/replay", write_key=True)
    context.output.facts(answer, answer)
    identical = answer.get("identical", answer.get("same", answer.get("matches")))
    return exits.DONE if identical is True else exits.POLICY


def listing(context: Context, arguments: argparse.Namespace) -> int:
    """List decisions under a filter."""
    wanted = {
        "contract": arguments.contract,
        "class": arguments.decision_class,
        "subject": arguments.subject,
        "from": arguments.since,
        "to": arguments.until,
    }
    params = {name: value for name, value in wanted.items() if value}
    rows = context.client().pages("/decisions", params, most=arguments.limit)
    context.output.rows(
        rows, rows, _LIST, empty="No decisions yet. `dosctl decide CONTRACT INPUT` makes one."
    )
    return exits.DONE
