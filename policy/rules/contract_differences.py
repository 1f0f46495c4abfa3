"""Two versions of a contract compared in words: rulesets, fields, documents, purpose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from policy.rules.uses import ContractFacts


def describe(before: ContractFacts | None, after: ContractFacts) -> list[str]:
    """Return what differs, one sentence each; everything is new without an older version."""
    if before is None:
        return [_("The first version.")]
    found = [*_rulesets(before, after), *_fields(before.input_schema, after.input_schema)]
    if dict(before.checklist) != dict(after.checklist):
        found.append(_("The documents that a class always asks for changed."))
    if before.purpose != after.purpose:
        found.append(
            _("It now needs consent for %(purpose)s.") % {"purpose": after.purpose}
            if after.purpose
            else _("It no longer needs a consent.")
        )
    if before.label_key != after.label_key:
        found.append(_("The label is now %(label)s.") % {"label": after.label_key or "–"})
    if before.description != after.description:
        found.append(_("The description changed."))
    return found or [_("Nothing that decides changed.")]


def _rulesets(before: ContractFacts, after: ContractFacts) -> Iterator[str]:
    old, new = dict(before.rulesets), dict(after.rulesets)
    for name, version in new.items():
        if name not in old:
            yield _("The ruleset %(name)s %(version)s takes part.") % {"name": name, "version": version}
        elif old[name] != version:
            yield _("%(name)s goes from %(old)s to %(new)s.") % {
                "name": name,
                "old": old[name],
                "new": version,
            }
    for name in old:
        if name not in new:
            yield _("The ruleset %(name)s no longer takes part.") % {"name": name}
    kept = [name for name in new if name in old]
    if kept != [name for name in old if name in new]:
        yield _("The rulesets are asked in another order.")


def _fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    old, new = before.get("properties", {}), after.get("properties", {})
    for name in new:
        if name not in old:
            yield _("The field %(name)s is new.") % {"name": name}
        elif old[name] != new[name]:
            yield _("The field %(name)s allows other values.") % {"name": name}
    for name in old:
        if name not in new:
            yield _("The field %(name)s is gone.") % {"name": name}
    wanted, needed = set(before.get("required", ())), set(after.get("required", ()))
    for name in sorted(needed - wanted):
        yield _("The field %(name)s is now required.") % {"name": name}
    for name in sorted(wanted - needed):
        yield _("The field %(name)s is now optional.") % {"name": name}
