"""The small parts of a page: icons, badges, moments, money, meters, fields, charts.

What must stay true: all is escaped; no inline style or script is written; colour is never the only sign.
"""

from __future__ import annotations

import datetime
import decimal
import json
from collections.abc import Iterable, Sequence
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from decisionos.kernel import clock
from decisionos.kernel.console import pages

register = template.Library()
VERDICTS = {
    "approve": ("ok", pgettext_lazy("verdict", "Approved")),
    "reject": ("bad", pgettext_lazy("verdict", "Rejected")),
    "review": ("warn", pgettext_lazy("verdict", "Review")),
}
ENVIRONMENTS = {
    "prod": ("ok", gettext_lazy("Production")),
    "stage": ("warn", gettext_lazy("Staging")),
    "dev": ("info", gettext_lazy("Development")),
}
TONES = {"ok", "warn", "bad", "info", "plain"}
CURRENCIES = {"KRW": ("₩", 0), "JPY": ("¥", 0), "USD": ("US$", 2), "EUR": ("€", 2), "GBP": ("£", 2)}
DASH = "–"


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """Draw an icon of the sprite; with a label it speaks, else it is decoration."""
    href = f"{static('icons/sprite.svg')}#{name}"
    if label:
        return format_html(
            '<svg class="ic" role="img" aria-label="{}"><use href="{}"></use></svg>', label, href
        )
    return format_html('<svg class="ic" aria-hidden="true"><use href="{}"></use></svg>', href)


@register.simple_tag
def badge(kind: Any, label: Any = "") -> SafeString:
    """Draw a badge: a verdict (approve, reject, review), an environment, or a tone with a label."""
    name = str(kind)
    tone, known = VERDICTS.get(name) or ENVIRONMENTS.get(name) or (name if name in TONES else "plain", name)
    return format_html('<span class="badge {}">{}</span>', tone, label or known)


@register.simple_tag
def environment_name(kind: Any) -> str:
    """Return the name of a kind of environment."""
    return str(ENVIRONMENTS.get(str(kind), ("", str(kind)))[1])


@register.simple_tag
def key(text: str) -> SafeString:
    """Draw keys; several are separated by a space."""
    return format_html_join(" ", "<kbd>{}</kbd>", ((part,) for part in str(text).split()))


def relative(moment: datetime.datetime, now: datetime.datetime) -> str:
    """Return how far away a moment is, in one unit."""
    seconds = int((now - moment).total_seconds())
    ahead, seconds = seconds < 0, abs(seconds)
    if seconds < 45:
        return _("in a moment") if ahead else _("just now")
    for size, most, past, future in (
        (60, 3600, _("%d min ago"), _("in %d min")),
        (3600, 86400, _("%d h ago"), _("in %d h")),
        (86400, 86400 * 30, _("%d d ago"), _("in %d d")),
    ):
        if seconds < most:
            return (future if ahead else past) % max(1, round(seconds / size))
    return formats.date_format(timezone.localtime(moment), "DATE_FORMAT")


@register.simple_tag
def time(moment: datetime.datetime | None, exact: bool = False) -> SafeString:
    """Show a moment: relative, the exact one on hover; or the exact one."""
    if moment is None:
        return format_html('<span class="faint">{}</span>', DASH)
    local = timezone.localtime(moment)
    full = f"{formats.date_format(local, 'DATE_FORMAT')} {local:%H:%M:%S} {local.tzname()}"
    if exact:
        return format_html('<time datetime="{}">{}</time>', local.isoformat(), full)
    return format_html(
        '<time datetime="{}" title="{}" data-relative>{}</time>',
        local.isoformat(),
        full,
        relative(moment, clock.now()),
    )


@register.filter
def number(value: Any, digits: int | None = None) -> str:
    """Show a number with the separators of the language."""
    if value is None or value == "":
        return DASH
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if digits is None and isinstance(value, float):
        value, digits = decimal.Decimal(repr(round(value, 6))), None
    if digits is None and isinstance(value, decimal.Decimal):
        value = value.normalize() if value != value.to_integral() else value.quantize(decimal.Decimal(1))
    return formats.number_format(value, decimal_pos=digits, use_l10n=True, force_grouping=True)


@register.filter
def percent(share: Any, digits: int = 1) -> str:
    """Show a share between 0 and 1 as a percentage."""
    if share is None:
        return DASH
    return f"{formats.number_format(float(share) * 100, decimal_pos=digits, force_grouping=True)} %"


@register.simple_tag
def money(amount: Any, currency: str = "KRW") -> SafeString:
    """Show an amount; digits as the currency has them."""
    if amount is None:
        return format_html('<span class="faint">{}</span>', DASH)
    sign, digits = CURRENCIES.get(currency, (currency, 2))
    value = decimal.Decimal(str(amount))
    shown = formats.number_format(abs(value), decimal_pos=digits, use_l10n=True, force_grouping=True)
    return format_html('<span class="money">{}{} {}</span>', "−" if value < 0 else "", sign, shown)


@register.simple_tag
def copy(text: Any, label: Any = "") -> SafeString:
    """Draw a button that copies a text."""
    said = label or _("Copy")
    return format_html(
        '<button type="button" class="copy" data-copy="{}" title="{}" aria-label="{}">{}</button>',
        text,
        said,
        said,
        icon("copy"),
    )


@register.simple_tag
def form_token() -> SafeString:
    """Write the hidden field that makes a double send one act."""
    return format_html('<input type="hidden" name="{}" value="{}">', pages.TOKEN, pages.new_token())


def _share(value: Any) -> float:
    return round(min(max(float(value or 0), 0.0), 100.0), 2)


@register.simple_tag
def meter(percent: Any, label: Any = "", tone: str = "c1", forecast: Any = 0) -> SafeString:
    """Draw how much of something is used, and what is expected besides; the label is read aloud."""
    used = _share(percent)
    more = min(_share(forecast), 100 - used)
    return format_html(
        '<svg class="meter" role="img" aria-label="{}" preserveAspectRatio="none" viewBox="0 0 100 8">'
        '<rect class="rest" width="100" height="8"/><rect class="{} soft" x="{}" width="{}" height="8"/>'
        '<rect class="{}" width="{}" height="8"/></svg>',
        label or f"{used:g} %",
        tone,
        used,
        more,
        tone,
        used,
    )


@register.simple_tag
def spark(values: Sequence[Any], tone: str = "c1", label: Any = "") -> SafeString:
    """Draw a small line of a series; without a label it is decoration beside its number."""
    points = [float(value or 0) for value in values]
    if len(points) < 2:
        return mark_safe("")
    least, most = min(points), max(points)
    span = (most - least) or 1.0
    step = 100 / (len(points) - 1)
    line = " ".join(f"{i * step:.2f},{22 - (p - least) / span * 18:.2f}" for i, p in enumerate(points))
    speech = 'role="img" aria-label="{}"' if label else 'aria-hidden="true"'
    attributes = format_html(speech, label)
    return format_html(
        '<svg class="spark {}" {} preserveAspectRatio="none" viewBox="0 0 100 26">'
        '<polygon points="0,26 {} 100,26"/><polyline points="{}" vector-effect="non-scaling-stroke"/></svg>',
        tone,
        attributes,
        line,
        line,
    )


@register.simple_tag
def cell(column: Any, value: Any, row: Any) -> Any:
    """Show one cell of a list as its value wants it."""
    if column.template:
        return mark_safe(render_to_string(column.template, {"row": row, "value": value}))  # noqa: S308  a template
    if isinstance(value, datetime.datetime):
        return time(value)
    if isinstance(value, datetime.date):
        return formats.date_format(value, "DATE_FORMAT")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int | float | decimal.Decimal):
        return number(value)
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value) or DASH
    return value if value not in {None, ""} else format_html('<span class="faint">{}</span>', DASH)


@register.filter
def about(count: int, exact: bool) -> str:
    """Show a count, with the word where it is estimated."""
    shown = number(count)
    return shown if exact else _("about %(count)s") % {"count": shown}


@register.filter
def pretty_json(value: Any) -> str:
    """Return a value as indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str, sort_keys=False)


@register.filter
def ids_of(items: Iterable[Any]) -> str:
    """Return the identifiers of items, joined."""
    return " ".join(str(item) for item in items if item)


@register.simple_tag
def rows_text(count: int) -> str:
    """Say how many rows there are."""
    return ngettext("%(count)s row", "%(count)s rows", count) % {"count": number(count)}


@register.inclusion_tag("console/components/button.html")
def button(
    label: Any,
    *,
    kind: str = "",
    icon: str = "",
    key: str = "",
    url: str = "",
    type: str = "button",  # noqa: A002  as in HTML
    name: str = "",
    value: str = "",
    dialog: str = "",
    menu: str = "",
    form: str = "",
    disabled: bool = False,
    id: str = "",  # noqa: A002  as in HTML
) -> dict[str, Any]:
    """Draw the one kind of button: ``kind`` primary, quiet, danger; a link where it has a ``url``."""
    return dict(locals())


@register.inclusion_tag("console/components/field.html")
def field(bound: Any, *, label: Any = "", hint: Any = "", suffix: Any = "") -> dict[str, Any]:
    """Draw a form's field with its label, hint and errors tied together."""
    described = []
    if hint or bound.help_text:
        described.append(f"{bound.auto_id}_hint")
    if bound.errors:
        described.append(f"{bound.auto_id}_error")
    attributes: dict[str, Any] = {"aria-describedby": " ".join(described)} if described else {}
    if bound.errors:
        attributes["aria-invalid"] = "true"
    widget = bound.as_widget(attrs=attributes)
    kind = getattr(bound.field.widget, "input_type", "") or bound.field.widget.__class__.__name__.lower()
    return {
        "bound": bound,
        "widget": widget,
        "label": label or bound.label,
        "hint": hint or bound.help_text,
        "suffix": suffix,
        "kind": kind,
    }


@register.inclusion_tag("console/components/empty.html")
def empty(title: Any, text: Any = "", *, icon: str = "", url: str = "", label: Any = "") -> dict[str, Any]:
    """Say what an empty screen is for, and offer the first step."""
    return dict(locals())


@register.inclusion_tag("console/components/banner.html")
def banner(level: str, text: Any, *, url: str = "", label: Any = "", title: Any = "") -> dict[str, Any]:
    """Draw a banner: bad, warn, info or ok, with one next step."""
    names = {"bad": "circle-x", "warn": "alert", "ok": "circle-check"}
    return {**locals(), "icon": names.get(level, "info")}


@register.inclusion_tag("console/components/stat.html")
def stat(
    label: Any,
    value: Any,
    *,
    note: Any = "",
    url: str = "",
    definition: Any = "",
    series: Any = (),
    tone: str = "c1",
) -> dict[str, Any]:
    """Draw a number that opens its rows, with its definition and its recent course."""
    return dict(locals())


@register.inclusion_tag("console/components/timeline.html")
def timeline(items: Iterable[Any]) -> dict[str, Any]:
    """Draw what happened: items have ``at``, ``text``, and may have ``who``, ``why``, ``url``, ``tone``."""
    return {"items": items}


@register.inclusion_tag("console/components/code.html")
def code(text: Any, *, label: Any = "", language: str = "") -> dict[str, Any]:
    """Draw text of a machine with a button that copies it."""
    return dict(locals())


@register.inclusion_tag("console/components/tabs.html")
def tabs(items: Iterable[Any], label: Any = "") -> dict[str, Any]:
    """Draw tabs that are pages: items have ``label``, ``url``, ``active``, and may have ``count``."""
    return dict(locals())


@register.inclusion_tag("console/components/funnel.html")
def funnel(steps: Iterable[Any], tone: str = "c1") -> dict[str, Any]:
    """Draw a funnel; ``steps`` is what ``charts.funnel`` returns."""
    return {"steps": steps, "tone": tone}


@register.inclusion_tag("console/components/heat.html")
def heat(data: dict[str, Any], label: Any, corner: Any = "") -> dict[str, Any]:
    """Draw a heat map, which is a table; ``data`` is what ``charts.heat`` returns."""
    return {"data": data, "label": label, "corner": corner}


@register.inclusion_tag("console/components/chart.html")
def chart(name: str, data: dict[str, Any], *, label: Any = "", height: int = 220) -> dict[str, Any]:
    """Draw a chart; ``data`` is what ``decisionos.kernel.console.charts`` returns."""
    return {"name": name, "data": data, "label": label, "height": height}
