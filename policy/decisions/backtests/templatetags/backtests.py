"""Drawings of evaluations: how classes share a bar, how a figure changed.

What must stay true: what is drawn is also said; colour is never the only sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils import formats
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from decisionos.kernel.console.templatetags import console
from policy.decisions.backtests.metrics import CLASSES

register = template.Library()
TONES = {"approve": "ok", "review": "warn", "reject": "bad"}


@register.simple_tag
def shares(figures: Mapping[str, Any] | None, slim: bool = False) -> SafeString:
    """Draw the shares of the classes as one bar; it is read as a sentence."""
    if not figures or not figures["rows"]:
        return format_html("")
    total, left, parts, said = figures["rows"], 0.0, [], []
    for name in CLASSES:
        count = figures["classes"].get(name, 0)
        width = 100 * count / total
        parts.append((TONES[name], round(left, 3), round(width, 3)))
        said.append(f"{console.VERDICTS[name][1]} {console.percent(count / total)}")
        left += width
    rects = format_html_join("", '<rect class="{}" x="{}" width="{}" height="8"/>', parts)
    return format_html(
        '<svg class="shares{}" role="img" aria-label="{}" preserveAspectRatio="none" viewBox="0 0 100 8">'
        "<title>{}</title>{}</svg>",
        " slim" if slim else "",
        ", ".join(said),
        ", ".join(said),
        rects,
    )


@register.simple_tag
def change(value: float | None) -> SafeString:
    """Say by how many points a share changed."""
    if value is None:
        return format_html('<span class="faint">{}</span>', console.DASH)
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    shown = formats.number_format(abs(value) * 100, decimal_pos=1, force_grouping=True)
    return format_html("{}{} {}", sign, shown, _("points"))


@register.filter
def of(mapping: Mapping[str, Any] | None, key: str) -> Any:
    """Return what a mapping holds under a key."""
    return (mapping or {}).get(key)
