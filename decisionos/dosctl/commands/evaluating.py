"""A contract of a pack folder over rows, without a server.

What must stay true: the same conditions, order and formulas as on the server: the reference executor
decides and ``policy.decisions.backtests`` counts and renders. A row that the contract refuses is counted
and left out.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from decisionos.dosctl import exits, inputs
from decisionos.dosctl.commands import local

MOST_FLIPS = 1_000
MOST_INVALID = 20


class LocalContract:
    """One contract of a pack folder, ready to decide."""

    def __init__(self, folder: str, name: str) -> None:
        form, document = (
            local.module("policy.packs.format"),
            local.module("policy.decisions.contracts.document"),
        )
        with local.refusals():
            pack = form.describe(form.read_folder(Path(folder)))
            found = [
                document.parse(document.load(data), ruleset_version=pack.version)
                for data in pack.under("contracts").values()
            ]
        self.pack = pack
        named = {contract.name: contract for contract in found}
        if name not in named:
            known = ", ".join(sorted(named)) or "none"
            raise exits.Stop(f"The pack has no contract {name!r} (known: {known}).", exits.INPUT)
        self.document = named[name]
        self._prepare()

    def _prepare(self) -> None:
        conditions = local.module("policy.rules.conditions")
        loads = local.module("policy.rules.rulesets").loads
        with local.refusals():
            rulesets = {item.name: item for item in map(loads, self.pack.under("rulesets").values())}
            self.scope = conditions.Scope(self.document.input_schema)
            missing = [ref.name for ref in self.document.rulesets if ref.name not in rulesets]
            if missing:
                raise exits.Stop(f"The pack has no ruleset {missing[0]!r}.", exits.INPUT)
            self.prepared = [
                conditions.prepare(rulesets[ref.name], self.scope) for ref in self.document.rulesets
            ]
        self.validator = local.module("jsonschema_rs").validator_for(self.document.input_schema)

    @property
    def text_fields(self) -> frozenset[str]:
        """Return the fields that are text, so that a code of digits in a CSV stays one."""
        fields = self.document.input_schema.get("properties", {})
        return frozenset(name for name, schema in fields.items() if schema.get("type") == "string")

    def decide(self, data: dict[str, Any]) -> Any:
        """Return the outcome of one valid input."""
        run = local.module("policy.rules.executor").run
        return run(self.prepared, data, self.scope, self.document.checklist)

    def problems(self, data: dict[str, Any]) -> list[str]:
        """Return what the schema refuses."""
        return [error.message for error in self.validator.iter_errors(data)]


def evaluate(
    contract: LocalContract, rows: list[dict[str, Any]], label: str
) -> tuple[dict[str, Any], list[Any]]:
    """Return the metrics and, per row, the outcome (None where the contract refuses the row)."""
    metrics = local.module("policy.decisions.backtests.metrics")
    tally = metrics.Tally()
    outcomes: list[Any] = []
    declared = label in contract.document.input_schema.get("properties", {})
    for number, row in enumerate(rows, start=1):
        data = row if declared else {name: value for name, value in row.items() if name != label}
        wrong = contract.problems(data)
        if wrong:
            tally.invalid += 1
            if len(tally.invalid_sample) < MOST_INVALID:
                tally.invalid_sample.append({"row": number, "problems": wrong[:5]})
            outcomes.append(None)
            continue
        outcome = contract.decide(data)
        outcomes.append(outcome)
        tally.add(
            outcome.decision_class,
            metrics.label_of(row.get(label)) if label else None,
            rules=[condition.rule.name for condition in outcome.applied],
            not_evaluated=[condition.rule.name for condition, _cause in outcome.skipped],
            reasons=outcome.reasons,
        )
    names = [condition.rule.name for ordered in contract.prepared for condition in ordered]
    return {**metrics.summarise(tally, names), "invalid_sample": tally.invalid_sample}, outcomes


def report(
    *, contract: LocalContract, base: LocalContract | None, rows_file: str, label: str | None
) -> dict[str, Any]:
    """Return the report that ``backtests.report`` renders, with a comparison where a base is given."""
    rows = inputs.read_rows(rows_file, texts=contract.text_fields)
    key = label or contract.document.label_key
    found, outcomes = evaluate(contract, rows, key)
    made: dict[str, Any] = {
        "contract": contract.document.name,
        "version": contract.document.version,
        "pack": {"name": contract.pack.name, "version": contract.pack.version},
        "source": Path(rows_file).name,
        "engine": "rows",
        "label_key": key,
        "metrics": found,
    }
    if base is not None:
        made["comparison"] = _compare(base, rows, key, found, outcomes)
    return made


def _compare(
    base: LocalContract, rows: list[dict[str, Any]], label: str, found: dict[str, Any], outcomes: list[Any]
) -> dict[str, Any]:
    before_metrics, before = evaluate(base, rows, label)
    pairs: Counter[tuple[str, str]] = Counter()
    flips: list[dict[str, Any]] = []
    for number, (old, new) in enumerate(zip(before, outcomes, strict=True), start=1):
        if old is None or new is None or old.decision_class == new.decision_class:
            continue
        pairs[old.decision_class, new.decision_class] += 1
        if len(flips) < MOST_FLIPS:
            flips.append(
                {
                    "row": number,
                    "before": old.decision_class,
                    "after": new.decision_class,
                    "why": _why(old, new),
                    "label": rows[number - 1].get(label, ""),
                }
            )
    compare = local.module("policy.decisions.backtests.metrics").compare
    return {
        "version": base.document.version,
        "metrics": before_metrics,
        "difference": compare(before_metrics, found),
        "flipped": sum(pairs.values()),
        "pairs": [
            {"before": old, "after": new, "count": count} for (old, new), count in sorted(pairs.items())
        ],
        "flips": flips,
    }


def _why(old: Any, new: Any) -> str:
    was = {condition.rule.name for condition in old.applied}
    now = {condition.rule.name for condition in new.applied}
    parts = [f"+{name}" for name in sorted(now - was)] + [f"-{name}" for name in sorted(was - now)]
    return ", ".join(parts) or "the same rules, another outcome"
