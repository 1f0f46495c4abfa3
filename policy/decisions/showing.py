"""One decision as a person reads it: why, what would change it, each rule with what it saw, its history.

What must stay true: what a person may not read is not here, not merely hidden: values of the input, what
rules saw and how near they were are left out before anything is drawn.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from decisionos.kernel import errors
from decisionos.kernel.ledger.models import Entry, Seal
from decisionos.kernel.masking import mask_fields
from decisionos.kernel.tenants import scope
from policy.decisions import pipeline, selectors, wording
from policy.decisions.contracts import cache
from policy.decisions.contracts import selectors as contracts
from policy.decisions.contracts.compiled import Compiled
from policy.decisions.models import Decision
from policy.rules.executor import TraceRow

MOST_EVENTS = 50


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule: what it asked, what it saw, what it did. ``outcome`` is hit, miss or skipped."""

    name: str
    ruleset: str
    outcome: str
    condition: str = ""
    effect: str = ""
    seen: str = ""
    margin: str = ""
    nearness: float | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the input."""

    name: str
    label: str
    value: str
    is_masked: bool = False


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of the history."""

    at: datetime.datetime
    text: str
    who: str = ""
    why: str = ""
    url: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A decision ready to be drawn."""

    row: Decision
    why: list[str]
    flip: str
    documents: list[str]
    rules: list[RuleLine]
    input: list[Field]
    has_input: bool
    has_personal: bool
    subject: str
    seal: Seal | None
    raw: dict[str, Any] = field(default_factory=dict)


def compiled_for(row: Decision) -> Compiled | None:
    """Return the contract that decided, or None where it is not what it was."""
    try:
        version = contracts.get_contract(name=row.contract, version=row.contract_version)
        compiled = cache.compiled_of(version)
    except errors.DosError:
        return None
    return compiled if compiled.versions == row.versions else None


def seal_of(row: Decision) -> Seal | None:
    """Return the decision's place in the chain."""
    return Seal.objects.filter(tenant_id=scope.require(), entry_id=row.ledger_entry_id).first()


def show(row: Decision, *, with_input: bool, with_personal: bool = False) -> Shown:
    """Return a decision ready to be drawn. ``with_personal`` shows what looks like personal data too."""
    explained = selectors.explanation(row, with_input=with_input)
    given: dict[str, Any] = explained["input"]
    masked = mask_fields(given) if with_input else given
    shown = given if with_personal else masked
    compiled = compiled_for(row) if with_input else None
    lines = (
        [_traced(item) for item in compiled.program.explain(compiled.check(given)).trace or ()]
        if compiled is not None
        else _stored(explained)
    )
    properties = compiled.document.input_schema.get("properties", {}) if compiled is not None else {}
    named = str(explained["subject"]) if with_input else ""
    if with_input and not with_personal:
        explained = {**explained, "input": masked, "subject": row.subject_ref}
    fields = _fields(shown, given, properties, with_input=with_input, with_personal=with_personal)
    if with_personal and named:
        fields.insert(0, Field("subject", _("Subject"), named))
    return Shown(
        row=row,
        why=[wording.humanized(reason) for reason in row.reasons],
        flip=wording.flip(explained["nearest_flip"]) if with_input else "",
        documents=[wording.humanized(name) for name in row.required_docs],
        rules=lines,
        input=fields,
        has_input=with_input,
        has_personal=with_input and (masked != given or named not in {"", row.subject_ref}),
        subject=_short(row.subject_ref),
        seal=seal_of(row),
        raw=explained,
    )


def _fields(
    shown: Mapping[str, Any],
    given: Mapping[str, Any],
    properties: Mapping[str, Any],
    *,
    with_input: bool,
    with_personal: bool,
) -> list[Field]:
    return [
        Field(
            name,
            str(properties.get(name, {}).get("title", "")) or wording.humanized(name),
            wording.value_or_text(item),
            is_masked=not with_input or (not with_personal and item != given[name]),
        )
        for name, item in shown.items()
    ]


def _short(reference: str) -> str:
    return f"{reference[:8]}…{reference[-4:]}" if len(reference) > 20 else reference


def _effect(decision_class: str, reasons: list[str], documents: list[str]) -> str:
    parts = [_("set class %(name)s") % {"name": wording.class_label(decision_class)}]
    if reasons:
        parts.append(", ".join(wording.humanized(reason) for reason in reasons))
    if documents:
        asked = ", ".join(wording.humanized(name) for name in documents)
        parts.append(_("asked for %(documents)s") % {"documents": asked})
    return " · ".join(parts)


def _traced(item: TraceRow) -> RuleLine:
    rule = item.condition.rule
    best: tuple[float, float, float | None] | None = None
    for comparison, distance in zip(item.condition.comparisons, item.distances, strict=True):
        if distance is not None:
            scaled = abs(distance) / (abs(comparison.threshold or 0) or 1)
            if best is None or scaled < best[0]:
                best = (scaled, distance, comparison.threshold)
    outcome = {True: "hit", False: "miss", None: "skipped"}[item.result]
    effect = _effect(rule.action.decision_class, list(rule.action.reasons), list(rule.action.required_docs))
    return RuleLine(
        name=rule.name,
        ruleset=item.condition.ruleset,
        outcome=outcome,
        condition=wording.condition(rule.when),
        effect=effect if outcome == "hit" else _cause(item.cause) if outcome == "skipped" else "",
        seen=" · ".join(wording.value(value) for value in item.seen().values()),
        margin=wording.gap(best[1], best[2]) if best is not None else "",
        nearness=max(2.0, 100 - min(best[0], 1) * 100) if best is not None else None,
    )


def _cause(text: str | None) -> str:
    if text and text.startswith("missing: "):
        return _("%(field)s was not given") % {"field": wording.humanized(text.removeprefix("missing: "))}
    return text or ""


def _stored(explained: Mapping[str, Any]) -> list[RuleLine]:
    """Return the rules as they were kept, without the ones that did not match and without any value."""
    hit = [
        RuleLine(
            item["rule"],
            item["ruleset"],
            "hit",
            effect=_effect(item["class"], list(item["reasons"]), []),
            seen=" · ".join(wording.value_or_text(value) for value in item.get("values", {}).values()),
        )
        for item in explained["rules_applied"]
    ]
    skipped = [
        RuleLine(item["rule"], item["ruleset"], "skipped", effect=_cause(item["cause"]))
        for item in explained["not_evaluated"]
    ]
    return hit + skipped


def history(row: Decision, seal: Seal | None) -> list[Happened]:
    """Return what happened to a decision, oldest first."""
    decided = _("Decided by %(contract)s %(version)s") % {
        "contract": row.contract,
        "version": row.contract_version,
    }
    items = [Happened(row.decided_at, decided, who=row.actor, why=wording.duration(row.duration_us))]
    if seal is not None:
        items.append(Happened(_sealed_at(seal), _("Sealed in the ledger as #%(seq)s") % {"seq": seal.seq}))
    entries = Entry.objects.filter(
        tenant_id=scope.require(), subject_type="decision", subject_id=str(row.id)
    ).exclude(id=row.ledger_entry_id)
    for entry in entries.order_by("id")[:MOST_EVENTS]:
        said = {
            "decision.input_read": _("Personal data of the input was shown"),
            "decision.replayed": _("Decided again with the recorded versions"),
        }.get(entry.kind, entry.kind)
        items.append(Happened(entry.occurred_at, said, who=entry.actor))
    return sorted(items, key=lambda item: item.at)


def _sealed_at(seal: Seal) -> datetime.datetime:
    # The first 48 bits of an id are the milliseconds of its making.
    return datetime.datetime.fromtimestamp((seal.id.int >> 80) / 1000, datetime.UTC)


@dataclass(frozen=True, slots=True)
class Change:
    """One part of the answer that came out differently."""

    label: str
    recorded: str
    now: str


@dataclass(frozen=True, slots=True)
class Again:
    """A decision made once more under some version."""

    version: str
    is_recorded_version: bool
    is_identical: bool
    decision_class: str
    changes: list[Change]


def _parts(result: Mapping[str, Any]) -> dict[str, str]:
    rules = [item["rule"] for item in result["rules_applied"]]
    return {
        _("Class"): wording.class_label(result["class"]),
        _("Reasons"): ", ".join(wording.humanized(item) for item in result["reasons"]),
        _("Confidence"): wording.value(result["confidence"]),
        _("Asked for"): ", ".join(wording.humanized(item) for item in result["required_docs"]) or "–",
        _("Rules that matched"): ", ".join(rules) or "–",
    }


def again(row: Decision, compiled: Compiled, *, is_identical: bool | None = None) -> Again:
    """Decide once more under a version and compare with what was recorded; nothing is stored."""
    held = pipeline.open_seal(bytes(row.sealed))
    before = _parts(selectors.answer_of(row, held))
    result = pipeline.result_of(compiled, compiled.check(held["input"]))
    after = _parts(result)
    changes = [Change(name, before[name], after[name]) for name in before if before[name] != after[name]]
    return Again(
        version=compiled.document.version,
        is_recorded_version=compiled.versions == row.versions,
        is_identical=not changes if is_identical is None else is_identical,
        decision_class=result["class"],
        changes=changes,
    )
