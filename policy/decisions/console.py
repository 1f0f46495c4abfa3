"""What decisions enter into the console: two pages of the navigation, and records for the palette."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from decisionos.kernel.console import registry
from policy.decisions import listing, wording
from policy.decisions.filters import MOST_CHARACTERS, Filters

MOST_FOUND = 6

registry.nav(
    domain="decide",
    name="home",
    label=_("Home"),
    url_name="home",
    icon="home",
    key="g h",
    permission="decision.read",
    order=10,
)
registry.nav(
    domain="decide",
    name="decisions",
    label=_("Decisions"),
    url_name="decisions",
    icon="decisions",
    key="g d",
    permission="decision.read",
    order=20,
)


def find_decisions(request: HttpRequest, text: str) -> Iterator[registry.PaletteItem]:
    """Yield the decisions that an id, a trace, a subject or words name."""
    page = listing.list_page(Filters(search=text[:MOST_CHARACTERS]), limit=MOST_FOUND)
    for row in page.rows:
        reason = wording.humanized(row.reasons[0]) if row.reasons else row.contract
        yield registry.PaletteItem(
            label=f"{wording.class_label(row.decision_class)} · {reason}",
            url=reverse("decision", args=[row.id]),
            kind=_("Decision"),
            hint=str(row.id)[-12:],
        )


registry.palette_source("decisions", find_decisions, permission="decision.read")
