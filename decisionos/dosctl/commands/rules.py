"""``rules lint``, ``rules coverage``, ``rules try``: rulesets and tables in files.

Here by the reference; with ``--contract`` on a server, where the rest of the contract stands around them.
Neither way records anything.
"""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any

from decisionos.dosctl import exits, inputs
from decisionos.dosctl.commands import local, packs
from decisionos.dosctl.program import Context


def load(file: str) -> Any:
    """Read a ruleset or table file; raises Stop naming every line that is wrong."""
    with local.refusals():
        return local.module("policy.rules.sources").read(inputs.read_text(file)).ruleset


def _schema(ruleset: Any, file: str | None) -> dict[str, Any]:
    """Return the schema of a file; without one, every field that a condition names may be anything."""
    if file:
        return local.schema_of(file, [])
    names: set[str] = set()
    cel = local.module("policy.rules.cel")
    for rule in ruleset.rules:
        with _syntax(rule.name):
            names |= _identifiers(cel.parse(rule.when))
    return {"type": "object", "properties": {name: {} for name in names}}


class _syntax:  # noqa: N801  reads as a statement: with _syntax(rule)
    """Turn a syntax problem of one rule into the end of the command."""

    def __init__(self, rule: str) -> None:
        self.rule = rule

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, local.module("policy.rules.cel.problems").SyntaxProblem):
            raise exits.Stop(
                f"Rule {self.rule}: column {error.column}: {error.message}", exits.INPUT
            ) from error


def _identifiers(node: Any, bound: frozenset[str] = frozenset()) -> set[str]:
    """Return the free names of an expression, by walking its dataclass fields."""
    if isinstance(node, tuple):
        return set().union(*(_identifiers(item, bound) for item in node))
    kind = type(node).__name__
    if kind == "Ident":
        name = node.name.lstrip(".")
        return set() if name in bound else {name}
    if not hasattr(node, "__dataclass_fields__"):
        return set()
    if kind == "Macro":
        bound |= frozenset(node.variables)
    return set().union(*(_identifiers(getattr(node, name), bound) for name in node.__dataclass_fields__))


def lint(context: Context, arguments: argparse.Namespace) -> int:
    """Show duplicates, conflicts, unreachable rules, gaps of tables and what the types say."""
    if arguments.contract:
        body = {"source": inputs.read_text(arguments.file), "contract": arguments.contract}
        answer = context.client().call("POST", "/rules/lint", json=body)
        found = [{"level": item["severity"], **item} for item in answer["problems"]]
        columns: tuple[str, ...] = ("level", "code", "rule", "line", "column", "message")
        context.output.rows(found, found, columns, empty="Nothing to complain about.")
        return packs.verdict(found, arguments.fail_on)
    ruleset = load(arguments.file)
    schema = _schema(ruleset, arguments.schema)
    linting = local.module("policy.rules.linting")
    with local.refusals():
        table = local.module("policy.rules.sources").read(inputs.read_text(arguments.file)).table
        findings = linting.lint_table(table, schema) if table else linting.lint(ruleset, schema)
        found = [{"level": str(item.severity), **item.as_dict()} for item in findings]
    context.output.rows(
        found, found, ("level", "code", "rule", "line", "message"), empty="Nothing to complain about."
    )
    return packs.verdict(found, arguments.fail_on)


def _prepared(ruleset: Any, schema: dict[str, Any]) -> tuple[Any, Any, Any]:
    conditions = local.module("policy.rules.conditions")
    with local.refusals():
        scope = conditions.Scope(schema)
        return local.module("policy.rules.executor"), conditions.prepare(ruleset, scope), scope


def coverage(context: Context, arguments: argparse.Namespace) -> int:
    """Show how many rows reach each rule; a share below --least ends with 2."""
    if arguments.contract:
        return _coverage_there(context, arguments)
    ruleset = load(arguments.file)
    if not arguments.rows:
        raise exits.Stop("Name a file of rows, or a --contract of the server.", exits.INPUT)
    rows = inputs.read_rows(arguments.rows)
    if not rows:
        raise exits.Stop(f"{arguments.rows} holds no row.", exits.INPUT)
    executor, prepared, scope = _prepared(ruleset, _schema(ruleset, arguments.schema))
    hits: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    for row in rows:
        outcome = executor.run([prepared], row, scope)
        hits.update(condition.rule.name for condition in outcome.applied)
        skipped.update(condition.rule.name for condition, _cause in outcome.skipped)
    table = [
        {
            "rule": rule.name,
            "priority": rule.priority,
            "hits": hits[rule.name],
            "share": round(hits[rule.name] / len(rows), 4),
            "not_evaluated": skipped[rule.name],
        }
        for rule in ruleset.ordered()
    ]
    share = round(sum(1 for row in table if row["hits"]) / len(table), 4)
    value = {"ruleset": ruleset.name, "rows": len(rows), "coverage": share, "rules": table}
    context.output.rows(value, table, ("rule", "priority", "hits", "share", "not_evaluated"))
    context.output.line(f"{share:.1%} of the rules are reached by {len(rows)} rows.")
    return exits.POLICY if share < arguments.least else exits.DONE


def _coverage_there(context: Context, arguments: argparse.Namespace) -> int:
    body: dict[str, Any] = {"source": inputs.read_text(arguments.file), "contract": arguments.contract}
    if arguments.rows:
        body["rows"] = inputs.read_rows(arguments.rows)
    answer = context.client().call("POST", "/rules/coverage", json=body)
    columns = ("ruleset", "rule", "hits", "misses", "not_evaluated", "shadowed", "shadowed_by")
    context.output.rows(answer, answer["rules"], columns)
    context.output.line(f"{answer['coverage']:.1%} of the rules are reached by {answer['rows']} rows.")
    return exits.POLICY if answer["coverage"] < arguments.least else exits.DONE


def _attempt_there(context: Context, arguments: argparse.Namespace) -> Any:
    body: dict[str, Any] = {"source": inputs.read_text(arguments.file), "contract": arguments.contract}
    if arguments.decision:
        body["decision_id"] = arguments.decision
    else:
        given = inputs.read_object(arguments.input) if arguments.input else {}
        body["input"] = inputs.assign(given, arguments.set)
    return context.client().call("POST", "/rules/try", json=body)


def attempt(context: Context, arguments: argparse.Namespace) -> int:
    """Run a ruleset on one input and show every rule's verdict."""
    if arguments.contract:
        answer = _attempt_there(context, arguments)
        shown = {name: answer[name] for name in ("class", "confidence", "reasons", "required_docs")}
        return _show(context, answer, shown, answer["trace"])
    if arguments.decision:
        raise exits.Stop("A --decision is on a server: name its --contract.", exits.INPUT)
    ruleset = load(arguments.file)
    data = inputs.assign(inputs.read_object(arguments.input) if arguments.input else {}, arguments.set)
    executor, prepared, scope = _prepared(ruleset, _schema(ruleset, arguments.schema))
    outcome = executor.run([prepared], data, scope, trace=True)
    trace = [row.as_dict() for row in outcome.trace or ()]
    answer = {
        "class": outcome.decision_class,
        "confidence": outcome.confidence,
        "reasons": list(outcome.reasons),
        "required_docs": list(outcome.required_docs),
    }
    return _show(context, {**answer, "trace": trace}, answer, trace)


def _show(context: Context, value: Any, answer: dict[str, Any], trace: list[dict[str, Any]]) -> int:
    context.output.facts(value, answer)
    if not context.output.as_json:
        context.output.rows(
            trace, trace, ("rule", "outcome", "values", "margin", "cause"), title="Rules in order"
        )
    return exits.DONE
