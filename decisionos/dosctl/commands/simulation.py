"""``simulate``: how good a contract's decisions would have been, as JSON and as a page."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from decisionos.dosctl import exits, inputs
from decisionos.dosctl.commands import evaluating, local
from decisionos.dosctl.program import Context

_FIGURES = ("rows", "invalid", "labelled", "reject_precision", "recall", "review_rate", "approval_rate")
PATIENCE_SECONDS = 1_800
_OPEN = {"queued", "running"}


def simulate(context: Context, arguments: argparse.Namespace) -> int:
    """Evaluate, write report.json and report.html, show the figures."""
    made = _locally(arguments) if arguments.local else _on_server(context, arguments)
    folder = Path(arguments.out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(made, ensure_ascii=False, indent=2, default=str) + "\n"
        (folder / "report.json").write_text(text, encoding="utf-8")
        page = local.module("policy.decisions.backtests.report").render(made)
        (folder / "report.html").write_text(page, encoding="utf-8")
    except OSError as error:
        raise exits.Stop(f"{folder} cannot be written: {error}", exits.INPUT) from error
    metrics = made["metrics"]
    told = {name: metrics.get(name) for name in _FIGURES}
    if made.get("comparison"):
        told["decisions that flip"] = made["comparison"]["flipped"]
    told["report"] = str(folder / "report.html")
    context.output.facts(made, told, title=f"{made['contract']} {made['version']}")
    guard = metrics.get("guard", {})
    if guard.get("failed"):
        context.output.line("The regression guard fails: " + ", ".join(guard["failed"]))
    if arguments.guard and guard.get("passed") is not True:
        return exits.POLICY
    return exits.DONE


def _locally(arguments: argparse.Namespace) -> dict[str, Any]:
    if not arguments.pack:
        raise exits.Stop("--local needs the pack folder: --pack DIR.", exits.INPUT)
    contract = evaluating.LocalContract(arguments.pack, arguments.contract)
    base = evaluating.LocalContract(arguments.compare, arguments.contract) if arguments.compare else None
    return evaluating.report(contract=contract, base=base, rows_file=arguments.rows, label=arguments.label)


def _on_server(context: Context, arguments: argparse.Namespace) -> dict[str, Any]:
    api = context.client()
    if not arguments.version and not arguments.compare:
        body: dict[str, Any] = {"rows": inputs.read_rows(arguments.rows)}
        if arguments.label:
            body["label_key"] = arguments.label
        return _report_of(api.call("POST", f"/simulate/{arguments.contract}", json=body))
    name = Path(arguments.rows).name
    fields = {"contract": arguments.contract, "version": arguments.version, "baseline": arguments.compare}
    fields["label_key"] = arguments.label
    asked = api.call(
        "POST",
        "/backtests",
        data={field: value for field, value in fields.items() if value},
        files={"rows": (name, inputs.read_bytes(arguments.rows))},
        write_key=True,
    )
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, 0.05
    while asked.get("state") in _OPEN:
        if time.monotonic() > deadline:
            raise exits.Stop(f"The evaluation {asked['id']} is still running.", exits.INFRASTRUCTURE)
        time.sleep(pause)
        pause = min(pause * 1.5, 2.0)
        asked = api.call("GET", f"/backtests/{asked['id']}")
    if asked.get("state") != "done":
        raise exits.Stop(f"The evaluation failed: {asked.get('error') or asked.get('state')}", exits.INPUT)
    return _report_of(api.call("GET", f"/backtests/{asked['id']}/report"))


def _report_of(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict) or "metrics" not in answer:
        raise exits.Stop("The server gave no report.", exits.INFRASTRUCTURE)
    return answer
