"""Rules in the console: their page, what the palette finds, what waits to be put in force."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from decisionos.kernel.console import registry
from policy.rules import selectors, uses

registry.nav(
    domain="decide",
    name="rules",
    label=_("Rules"),
    url_name="rules",
    icon="rules",
    key="g r",
    permission="policy.read",
    order=30,
)
registry.action(_("New ruleset or decision table"), "ruleset-new", "policy.write", icon="plus")


def find_rules(request: HttpRequest, text: str) -> Iterator[registry.PaletteItem]:
    """Yield the rulesets and contracts whose names hold a text."""
    for row in selectors.list_newest().filter(name__icontains=text)[:8]:
        yield registry.PaletteItem(row.name, reverse("ruleset", args=[row.name]), _("Ruleset"), row.version)
    for facts in uses.contracts().list_current():
        if text.lower() in facts.name:
            url = reverse("rules-contract", args=[facts.name])
            yield registry.PaletteItem(facts.name, url, _("Contract"), facts.version)


def find_waiting(request: HttpRequest) -> Iterator[registry.Attention]:
    """Yield versions that were saved on top of what is in force and decide nothing yet."""
    newest = {row.name: row for row in selectors.list_newest()}
    for facts in uses.contracts().list_current():
        for name, version in facts.rulesets if facts.is_active else ():
            row = newest.get(name)
            if row is not None and row.version != version and row.base == version:
                yield registry.Attention(
                    "info",
                    _("%(name)s %(version)s waits") % {"name": name, "version": row.version},
                    _("It was saved, and %(contract)s still decides by %(old)s.")
                    % {"contract": facts.name, "old": version},
                    _("Compare"),
                    reverse("ruleset-activate", args=[name, row.version]) + f"?contract={facts.name}",
                )


registry.palette_source("rules", find_rules, "policy.read")
registry.attention("rules", find_waiting, "policy.write")
