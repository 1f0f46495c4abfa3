"""Every component in each of its states, on one page of a developer's installation."""

from __future__ import annotations

import datetime
import math
from types import SimpleNamespace
from typing import Any

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from decisionos.kernel import clock
from decisionos.kernel.console import charts, pages


class SampleForm(forms.Form):
    """One field of each kind."""

    name = forms.CharField(label=_("Name"), help_text=_("As it stands on the contract."))
    amount = forms.DecimalField(label=_("Amount"), required=False)
    purpose = forms.ChoiceField(label=_("Purpose"), choices=[("home", _("Home")), ("car", _("Car"))])
    note = forms.CharField(label=_("Note"), widget=forms.Textarea(attrs={"rows": 3}), required=False)
    verified = forms.BooleanField(label=_("Income verified"), required=False)


def sample_day(now: datetime.datetime) -> dict[str, Any]:
    """Return a chart of a made-up day."""
    hours = [now - datetime.timedelta(hours=23 - number) for number in range(24)]
    wave = [round(400 + 300 * math.sin((number - 6) / 4)) for number in range(24)]
    return charts.over_time(
        hours,
        charts.series(_("Approved"), [round(value * 0.6) for value in wave], "c2"),
        charts.series(_("Review"), [round(value * 0.25) for value in wave], "c3"),
        charts.series(_("Rejected"), [round(value * 0.15) for value in wave], "c4"),
        x_label=_("Hour"),
    )


class GalleryPage(pages.Page):
    """The design system, to look at."""

    template = "console/gallery.html"
    title = _("Gallery")
    active = "gallery"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it, in development only."""
        if settings.PRODUCTION:
            raise Http404
        now = clock.now()
        wrong = SampleForm({"name": "", "amount": "abc", "purpose": "home"})
        wrong.is_valid()
        events = [
            SimpleNamespace(
                at=now - datetime.timedelta(minutes=m), text=text, who=who, why=why, url="", tone=tone
            )
            for m, text, who, why, tone in (
                (2, _("Returned to you: documents arrived"), "", "", ""),
                (55, _("Bank statements were asked for"), "Ji-ho Park", _("the clock is paused"), ""),
                (190, _("Opened from a decision"), "", "", "bad"),
            )
        ]
        bars = charts.over_labels(
            ["550", "600", "650", "700", "750"], charts.series(_("Decisions"), [40, 120, 310, 260, 90])
        )
        return self.render(
            request,
            {
                "now": now,
                "ago": now - datetime.timedelta(hours=5),
                "form": SampleForm(initial={"name": "김서연"}, prefix="a"),
                "wrong": wrong,
                "events": events,
                "day": sample_day(now),
                "bars": bars,
                "series": [3, 4, 4, 5, 8, 7, 9, 12, 11, 13],
                "tabs": [
                    {"label": _("Overview"), "url": "#", "active": True},
                    {"label": _("Versions"), "url": "#", "count": 12},
                    {"label": _("Audit"), "url": "#"},
                ],
                "funnel": charts.funnel(
                    (_("Received"), 18_204, "#"), (_("Checked"), 17_950, "#"), (_("Approved"), 11_159, "")
                ),
                "heat": charts.heat(
                    ["550", "600", "650", "700"],
                    ["0.2", "0.3", "0.4", "0.5", "0.6"],
                    [[0, 1, 4, 9, 12], [2, 8, 20, 31, 18], [12, 44, 60, 28, 9], [30, 52, 33, 10, None]],
                ),
                "json": {"credit_score": 641, "dti": 0.44, "name": "<script>alert(1)</script>"},
            },
        )
