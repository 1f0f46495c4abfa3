"""Two versions of a ruleset compared: in words, rule by rule, and line by line.

What must stay true: two rulesets of the same digest have no difference in words; every difference of digest
has at least one.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext as _

from policy.rules.rulesets import Rule, Ruleset

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_][\w.]*|\d+(?:\.\d+)?|&&|\|\||[<>=!]=|\S')
_NUMBER = re.compile(r"\d+(?:\.\d+)?\Z")
_NAME = re.compile(r"[A-Za-z_][\w.]*\Z")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `kind` is added, removed, renamed, changed, moved or described."""

    kind: str
    rule: str
    text: str
    field: str = ""
    before: Any = None
    after: Any = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def describe(before: Ruleset | None, after: Ruleset) -> list[Change]:
    """Return what differs, in the order of the newer version; everything is new without an older one."""
    old = {rule.name: rule for rule in before.rules} if before else {}
    new = {rule.name: rule for rule in after.rules}
    renamed = _renamed(old, new)
    changes: list[Change] = []
    if before is not None and before.name != after.name:
        changes.append(
            Change(
                "described",
                "",
                _("The ruleset is now called %(new)s, before %(old)s.")
                % {"new": after.name, "old": before.name},
            )
        )
    if before is not None and before.description != after.description:
        text = _("The description of the ruleset changed.")
        changes.append(Change("described", "", text, "description", before.description, after.description))
    for name, rule in new.items():
        if name in renamed:
            text = _("%(old)s is now called %(new)s.") % {"old": renamed[name], "new": name}
            changes.append(Change("renamed", name, text, "name", renamed[name], name))
        elif name not in old:
            changes.append(Change("added", name, _added(rule), after=_plain(rule)))
        else:
            changes.extend(_changed(old[name], rule))
    for name, rule in old.items():
        if name not in new and name not in renamed.values():
            text = _("%(rule)s was removed: it said %(class)s when %(when)s.") % {
                "rule": name,
                "class": rule.action.decision_class,
                "when": rule.when,
            }
            changes.append(Change("removed", name, text, before=_plain(rule)))
    if before is not None:
        changes.extend(_moved(before, after, renamed))
    return changes


def _plain(rule: Rule) -> dict[str, Any]:
    action = rule.action
    return {
        "when": rule.when,
        "class": action.decision_class,
        "reasons": list(action.reasons),
        "priority": rule.priority,
        "stop": rule.stop,
    }


def _meaning(rule: Rule) -> Rule:
    return dataclasses.replace(rule, name="", description="", line=0, declared=frozenset())


def _renamed(old: dict[str, Rule], new: dict[str, Rule]) -> dict[str, str]:
    """Return the former name of each rule that only got another name."""
    gone = [rule for name, rule in old.items() if name not in new]
    found: dict[str, str] = {}
    for name, rule in new.items():
        if name in old:
            continue
        same = next((item for item in gone if _meaning(item) == _meaning(rule)), None)
        if same is not None:
            found[name] = same.name
            gone.remove(same)
    return found


def _added(rule: Rule) -> str:
    told = _("%(rule)s is new: %(class)s when %(when)s.") % {
        "rule": rule.name,
        "class": rule.action.decision_class,
        "when": rule.when,
    }
    return told + " " + _("Later rules are not asked.") if rule.stop else told


def _changed(old: Rule, new: Rule) -> Iterator[Change]:
    name = new.name
    if old.when != new.when:
        yield Change("changed", name, _condition(old, new), "when", old.when, new.when)
    if old.action.decision_class != new.action.decision_class:
        text = _("%(rule)s now says %(new)s instead of %(old)s.") % {
            "rule": name,
            "new": new.action.decision_class,
            "old": old.action.decision_class,
        }
        yield Change("changed", name, text, "class", old.action.decision_class, new.action.decision_class)
    if old.action.confidence != new.action.confidence:
        values = {"rule": name, "old": old.action.confidence, "new": new.action.confidence}
        text = _("%(rule)s: the confidence goes from %(old)s to %(new)s.") % values
        yield Change("changed", name, text, "confidence", old.action.confidence, new.action.confidence)
    yield from _lists(name, "reasons", old.action.reasons, new.action.reasons)
    yield from _lists(name, "required_docs", old.action.required_docs, new.action.required_docs)
    if old.priority != new.priority:
        text = _("%(rule)s: the priority goes from %(old)s to %(new)s.") % {
            "rule": name,
            "old": old.priority,
            "new": new.priority,
        }
        yield Change("changed", name, text, "priority", old.priority, new.priority)
    if old.stop != new.stop:
        told = (
            _("%(rule)s now stops: later rules are not asked.")
            if new.stop
            else _("%(rule)s no longer stops: later rules are asked too.")
        )
        yield Change("changed", name, told % {"rule": name}, "stop", old.stop, new.stop)
    if old.on_missing != new.on_missing:
        told = (
            _("%(rule)s is now skipped where its data is missing.")
            if new.on_missing == "skip"
            else _("%(rule)s now asks for a review where its data is missing.")
        )
        yield Change("changed", name, told % {"rule": name}, "on_missing", old.on_missing, new.on_missing)
    if old.description != new.description:
        text = _("%(rule)s: the description changed.") % {"rule": name}
        yield Change("changed", name, text, "description", old.description, new.description)


def _condition(old: Rule, new: Rule) -> str:
    one, two = _TOKEN.findall(old.when), _TOKEN.findall(new.when)
    apart = [n for n, pair in enumerate(zip(one, two, strict=False)) if pair[0] != pair[1]]
    if len(one) == len(two) and len(apart) == 1:
        place = apart[0]
        if _NUMBER.match(one[place]) and _NUMBER.match(two[place]):
            field = next((part for part in reversed(one[:place]) if _NAME.match(part)), "")
            values = {"rule": new.name, "field": field, "old": one[place], "new": two[place]}
            if float(two[place]) > float(one[place]):
                return _("%(rule)s: the limit on %(field)s goes up from %(old)s to %(new)s.") % values
            return _("%(rule)s: the limit on %(field)s goes down from %(old)s to %(new)s.") % values
    return _("%(rule)s now holds when %(new)s; before when %(old)s.") % {
        "rule": new.name,
        "new": new.when,
        "old": old.when,
    }


def _lists(name: str, field: str, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[Change]:
    if old == new:
        return
    label = _("the reasons") if field == "reasons" else _("the documents asked for")
    values = {"rule": name, "label": label, "new": ", ".join(new) or "–", "old": ", ".join(old) or "–"}
    text = _("%(rule)s: %(label)s are now %(new)s, before %(old)s.") % values
    yield Change("changed", name, text, field, list(old), list(new))


def _moved(before: Ruleset, after: Ruleset, renamed: dict[str, str]) -> Iterator[Change]:
    former = {old: new for new, old in renamed.items()}
    kept = {rule.name for rule in after.rules}
    one = [name for rule in before.ordered() if (name := former.get(rule.name, rule.name)) in kept]
    two = [rule.name for rule in after.ordered() if rule.name in set(one)]
    stays: set[str] = set()
    for start, _there, size in difflib.SequenceMatcher(None, one, two, autojunk=False).get_matching_blocks():
        stays.update(one[start : start + size])
    for place, name in enumerate(two):
        if name not in stays:
            follower = two[place + 1] if place + 1 < len(two) else ""
            text = (
                _("%(rule)s is now asked before %(other)s.") % {"rule": name, "other": follower}
                if follower
                else _("%(rule)s is now asked last.") % {"rule": name}
            )
            yield Change("moved", name, text, "order", one.index(name) + 1, place + 1)


def unified(before: str, after: str, *, names: tuple[str, str] = ("before", "after")) -> str:
    """Return the difference as a unified text."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm="")
    return "\n".join(lines)


def side_by_side(before: str, after: str, *, around: int = 3) -> list[dict[str, Any]]:
    """Return rows for two columns: op (same, added, removed, gap), numbers and texts."""
    one, two = before.splitlines(), after.splitlines()
    rows: list[dict[str, Any]] = []
    groups = difflib.SequenceMatcher(None, one, two, autojunk=False).get_grouped_opcodes(around)
    for number, group in enumerate(groups):
        if number:
            rows.append({"op": "gap", "old": None, "new": None, "text": ""})
        for op, start, end, there, until in group:
            if op == "equal":
                rows += [
                    {"op": "same", "old": start + step + 1, "new": there + step + 1, "text": line}
                    for step, line in enumerate(one[start:end])
                ]
                continue
            rows += [
                {"op": "removed", "old": start + step + 1, "new": None, "text": line}
                for step, line in enumerate(one[start:end])
            ]
            rows += [
                {"op": "added", "old": None, "new": there + step + 1, "text": line}
                for step, line in enumerate(two[there:until])
            ]
    return rows
