"""Codes in words: reasons, rules, fields, classes, the nearest change that would flip a decision.

What must stay true: a code that nobody translated is still readable; a value is shown only by who was asked
for it, so nothing here opens anything sealed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, pgettext

# The reasons, documents and fields of the packs that ship, as they read; here they are found for translation.
SHIPPED = (
    gettext_noop("Credit score below threshold"),
    gettext_noop("Strong credit and low DTI"),
    gettext_noop("Debt to income too high"),
    gettext_noop("Adequate credit and DTI with docs"),
    gettext_noop("Income unverified"),
    gettext_noop("Borderline credit"),
    gettext_noop("LTV above cap"),
    gettext_noop("Income below floor"),
    gettext_noop("High senior exposure"),
    gettext_noop("DSR above threshold"),
    gettext_noop("Investment additional review"),
    gettext_noop("Region additional check"),
    gettext_noop("Appraisal report"),
    gettext_noop("Senior loan statement"),
    gettext_noop("Debt statement"),
    gettext_noop("Investment plan"),
    gettext_noop("Residence proof"),
    gettext_noop("No rule matched"),
    gettext_noop("Missing data"),
    gettext_noop("Rule error"),
    gettext_noop("Income proof"),
    gettext_noop("Bank statements"),
    gettext_noop("Identity"),
    gettext_noop("Credit score"),
    gettext_noop("DTI"),
    gettext_noop("Income verified"),
    gettext_noop("Employment type"),
    gettext_noop("Income monthly"),
    gettext_noop("Property type"),
    gettext_noop("Region"),
    gettext_noop("Estimated value"),
    gettext_noop("Senior loan amt"),
    gettext_noop("Target amt"),
    gettext_noop("Purpose"),
)
_CONVERSION = re.compile(r"\b(?:double|int|uint|string)\(([A-Za-z_][A-Za-z0-9_.]*)\)")
_ABBREVIATIONS = {"dti": "DTI", "ltv": "LTV", "dsr": "DSR", "id": "ID"}
CLASS_LABELS = {
    "approve": gettext_lazy("Approved"),
    "review": gettext_lazy("Review"),
    "reject": gettext_lazy("Rejected"),
}
ENVIRONMENTS = {
    "prod": gettext_lazy("Production"),
    "stage": gettext_lazy("Staging"),
    "dev": gettext_lazy("Development"),
}


def humanized(code: str) -> str:
    """Return a code as a phrase, in the language in force where it is known."""
    words = [_ABBREVIATIONS.get(word, word) for word in code.replace("-", "_").split("_") if word]
    text = " ".join(words)
    return _(text[:1].upper() + text[1:]) if text else ""


def class_label(name: str) -> str:
    """Return what a class is called."""
    return str(CLASS_LABELS.get(name, name))


def environment_label(name: str) -> str:
    """Return what an environment is called."""
    return str(ENVIRONMENTS.get(name, name)) if name else _("not stated")


def value(item: Any) -> str:
    """Return a value of an input as people read it."""
    if item is None:
        return "–"
    if isinstance(item, bool):
        return _("yes") if item else _("no")
    if isinstance(item, int):
        return formats.number_format(item, use_l10n=True, force_grouping=True)
    if isinstance(item, float):
        return formats.number_format(f"{item:.9f}".rstrip("0").rstrip("."), use_l10n=True)
    if isinstance(item, list):
        return ", ".join(value(part) for part in item)
    if isinstance(item, Mapping):
        return ", ".join(f"{name}: {value(part)}" for name, part in item.items())
    return str(item)


def flip(found: Mapping[str, Any] | None) -> str:
    """Return the nearest change that gives another class, as a sentence; empty where none was found."""
    if not found:
        return ""
    outcome = {
        "approve": pgettext("would be", "approved"),
        "review": pgettext("would be", "reviewed by a person"),
        "reject": pgettext("would be", "rejected"),
    }.get(str(found["class"]), str(found["class"]))
    texts = {"outcome": outcome, "field": humanized(found["field"]), "to": value_or_text(found["to"])}
    before, after = found.get("from"), found["to"]
    if isinstance(before, int | float) and isinstance(after, int | float):
        gap = round(abs(after - before), 9)
        texts["gap"] = value(int(gap) if isinstance(before, int) and isinstance(after, int) else gap)
        if after > before:
            return _("Would be %(outcome)s with %(field)s %(to)s, which is %(gap)s higher.") % texts
        return _("Would be %(outcome)s with %(field)s %(to)s, which is %(gap)s lower.") % texts
    return _("Would be %(outcome)s with another value of %(field)s.") % texts


def value_or_text(item: Any) -> str:
    """Return a value as people read it; text that stands for a hidden one stays as it is."""
    return item if isinstance(item, str) else value(item)


def gap(distance: float, threshold: float | None) -> str:
    """Return how far a value was from a threshold."""
    if threshold is None:
        return ""
    texts = {"gap": value(_short(abs(distance))), "threshold": value(_short(threshold))}
    if not distance:
        return _("exactly %(threshold)s") % texts
    if distance > 0:
        return _("%(gap)s above %(threshold)s") % texts
    return _("%(gap)s below %(threshold)s") % texts


def _short(number: float) -> int | float:
    rounded = round(number, 6)
    return int(rounded) if rounded.is_integer() else rounded


def condition(text: str) -> str:
    """Return a rule's condition with the signs people use; a change of type is no news to them."""
    text = _CONVERSION.sub(r"\1", text)
    for sign, shown in (("&&", "and"), ("||", "or"), (">=", "≥"), ("<=", "≤"), ("!=", "≠"), ("==", "=")):
        text = text.replace(sign, shown)
    return text.replace("!", "not ")


def duration(microseconds: float | None) -> str:
    """Return a time in the unit that suits it."""
    if microseconds is None:
        return "–"
    if microseconds < 1_000:
        return f"{formats.number_format(round(microseconds))} µs"
    if microseconds < 1_000_000:
        digits = 1 if microseconds < 100_000 else 0
        return f"{formats.number_format(microseconds / 1_000, decimal_pos=digits)} ms"
    return f"{formats.number_format(microseconds / 1_000_000, decimal_pos=2)} s"
