"""Moments by the clock, for lists in which many lie close together."""

from __future__ import annotations

import datetime

from django import template
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from decisionos.kernel import clock as clocks

register = template.Library()


@register.simple_tag
def clock(moment: datetime.datetime) -> SafeString:
    """Show when: by the clock today, with the day before that; the whole moment on hover."""
    local = timezone.localtime(moment)
    today = timezone.localtime(clocks.now()).date()
    day = "" if local.date() == today else f"{formats.date_format(local, 'MONTH_DAY_FORMAT')} "
    full = f"{formats.date_format(local, 'DATE_FORMAT')} {local:%H:%M:%S} {local.tzname()}"
    return format_html(
        '<time datetime="{}" title="{}"><span class="faint">{}</span>{}</time>',
        local.isoformat(),
        full,
        day,
        f"{local:%H:%M:%S}" if not day else f"{local:%H:%M}",
    )
