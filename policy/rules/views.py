"""The rules workbench: contracts and rulesets, versions and what differs, the editor, activation.

What must stay true: a page shows what the API would answer to the same person; what changes decisions goes
through the same services, with a reason and a confirmation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from decisionos.kernel import clock, errors
from decisionos.kernel.console import context, pages
from policy.rules import (
    contract_differences,
    drafts,
    people,
    rulesets,
    samples,
    selectors,
    services,
    sources,
    starting,
    trying,
    uses,
)
from policy.rules.models import RulesetVersion

VERSIONS_SHOWN = 100


def actor_of(request: HttpRequest) -> str:
    """Return how the person is named in the ledger."""
    return str(request.subject.actor)  # type: ignore[attr-defined]


def allowed(request: HttpRequest) -> frozenset[str]:
    """Return what the person may do here."""
    return context.shell_of(request).allowed


def edit_url(name: str, contract: str) -> str:
    """Return the address of the editor."""
    return f"{reverse('ruleset-edit', args=[name])}?contract={contract}"


def known(name: str) -> str:
    """Return a ruleset's name; raises RulesetNotFound for what cannot be one."""
    if not rulesets.NAME.match(name) or len(name) > 63:
        raise selectors.RulesetNotFound(_("There is no such ruleset."))
    return name


def contracts_of(name: str) -> list[uses.ContractFacts]:
    """Return the contracts that a ruleset takes part in, those in force first."""
    found = [facts for facts in uses.contracts().list_current() if facts.version_of(name)]
    return sorted(found, key=lambda facts: (not facts.is_active, facts.name))


class OverviewPage(pages.Page):
    """Every contract with the rulesets that decide for it."""

    template = "policy/rules/overview.html"
    permission = "policy.read"
    title = gettext_lazy("Rules")
    active = "rules"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show what is in force, what is newer, and what is being written."""
        newest = {row.name: row for row in selectors.list_newest()}
        current = uses.contracts().list_current()
        writing = list(drafts.list_drafts()[:500])
        names = people.names_of([row.author for row in writing] + [row.created_by for row in newest.values()])
        used = {name for facts in current for name, _version in facts.rulesets}
        shown = [
            {
                "facts": facts,
                "fields": len(facts.input_schema.get("properties", {})),
                "rows": [
                    self._row(request, name, version, facts.name, newest.get(name), writing, names)
                    for name, version in facts.rulesets
                ],
            }
            for facts in current
        ]
        alone = [
            self._row(request, name, "", "", newest.get(name), writing, names)
            for name in sorted({*newest, *(row.ruleset for row in writing)} - used)
        ]
        return self.render(request, {"contracts": shown, "alone": alone})

    @staticmethod
    def _row(
        request: HttpRequest,
        name: str,
        version: str,
        contract: str,
        newest: RulesetVersion | None,
        writing: Iterable[Any],
        names: dict[str, str],
    ) -> dict[str, Any]:
        here = [row for row in writing if row.ruleset == name and contract in ("", row.contract)]
        mine = [row for row in here if row.author == actor_of(request)]
        at = contract or (here[0].contract if here else "")
        return {
            "name": name,
            "version": version,
            "newest": newest,
            "is_newer": bool(newest and version and newest.version != version),
            "by": names.get(newest.created_by, "") if newest else "",
            "mine": mine[0] if mine else None,
            "others": sorted({names[row.author] for row in here if row.author != actor_of(request)}),
            "contract": at,
            "edit_url": edit_url(name, at) if at else "",
        }


class NewForm(forms.Form):
    """How a new ruleset is called, and for which contract it is written."""

    name = forms.RegexField(
        regex=r"^[a-z][a-z0-9_]*\Z",
        max_length=63,
        label=gettext_lazy("Name"),
        help_text=gettext_lazy("Small letters, digits and underscores, such as income_checks."),
    )
    contract = forms.ChoiceField(label=gettext_lazy("For the contract"))
    kind = forms.ChoiceField(
        label=gettext_lazy("Written as"),
        choices=[("rules", gettext_lazy("a list of rules")), ("table", gettext_lazy("a decision table"))],
    )


class NewPage(pages.Page):
    """A new ruleset begins as a draft."""

    template = "policy/rules/new.html"
    permission = "policy.write"
    title = gettext_lazy("New ruleset")
    active = "rules"

    @staticmethod
    def _form(data: Any = None) -> NewForm:
        form = NewForm(data)
        field: Any = form.fields["contract"]
        field.choices = [(facts.name, facts.name) for facts in uses.contracts().list_current()]
        return form

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form."""
        return self.render(request, {"form": self._form()})

    def post(self, request: HttpRequest) -> HttpResponse:
        """Begin the draft and open it."""
        form = self._form(request.POST)
        name = str(form.data.get("name", ""))
        if form.is_valid() and selectors.find_newest(name=name) is not None:
            form.add_error("name", _("There is a ruleset of this name already."))
        if not form.is_valid():
            return self.render(request, {"form": form}, status=422)
        given = form.cleaned_data

        def act() -> str:
            schema = uses.contracts().get(given["contract"]).input_schema
            drafts.save_draft(
                contract=given["contract"],
                ruleset=name,
                author=actor_of(request),
                text=starting.text_of(given["kind"], name, schema),
                base_version="",
                revision=0,
                now=clock.now(),
            )
            return edit_url(name, given["contract"])

        return self.once(request, act)


class ContractPage(pages.Page):
    """A contract: what may be sent, what decides, and how it came to be."""

    template = "policy/rules/contract.html"
    permission = "policy.read"
    active = "rules"

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        """Show the version in force and every version before it."""
        if not rulesets.NAME.match(name):
            raise errors.NotFound(_("There is no such contract."))
        versions = uses.contracts().list_versions(name)[:VERSIONS_SHOWN]
        facts = uses.contracts().get(name)
        names = people.names_of(item.created_by for item in versions)
        older = [*versions[1:], None]
        return self.render(
            request,
            {
                "title": name,
                "facts": facts,
                "fields": samples.fields_of(facts.input_schema),
                "rulesets": [
                    {"name": item, "version": version, "edit_url": edit_url(item, name)}
                    for item, version in facts.rulesets
                ],
                "versions": [
                    {
                        "facts": item,
                        "by": names.get(item.created_by, ""),
                        "changes": contract_differences.describe(before, item),
                    }
                    for item, before in zip(versions, older, strict=True)
                ],
                "can_write": "policy.write" in allowed(request),
            },
        )


class RollBackPage(pages.Page):
    """The way back to the version before."""

    permission = "policy.write"
    active = "rules"

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        """Show the contract, where the button is."""
        return self.goto(request, reverse("rules-contract", args=[known(name)]))

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        """Put the version before back in force, once for each form."""

        def act() -> str:
            facts = services.roll_back(
                contract=name,
                expected=request.POST.get("expected", "")[:40],
                reason=request.POST.get("reason", "")[:500],
                confirm=request.POST.get("confirm", "")[:63],
                actor=actor_of(request),
            )
            pages.toast(
                request,
                _("%(name)s %(version)s is in force again.") % {"name": name, "version": facts.version},
            )
            return reverse("rules-contract", args=[name])

        return self.once(request, act)


class RulesetPage(pages.Page):
    """A ruleset: its rules in words, its versions, and what differs between two of them."""

    template = "policy/rules/ruleset.html"
    permission = "policy.read"
    active = "rules"

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        """Show one version, compared with another where two are chosen."""
        rows = list(selectors.list_versions(name=known(name)).defer("source")[:VERSIONS_SHOWN])
        used = contracts_of(name)
        mine = list(drafts.list_drafts(ruleset=name, author=actor_of(request))[:10])
        if not rows:
            return self._unsaved(request, name, mine)
        in_force = [facts for facts in used if facts.is_active]
        default = in_force[0].version_of(name) if in_force else rows[0].version
        wanted = request.GET.get("version", "")[:40].replace("\0", "") or default
        row = selectors.get_version(name=name, version=wanted)
        against = request.GET.get("against", "")[:40].replace("\0", "")
        source = sources.read(row.source)
        names = people.names_of(item.created_by for item in rows)
        compared = selectors.compare(name=name, old=against, new=row.version) if against else None
        contract = used[0].name if used else (mine[0].contract if mine else "")
        return self.render(
            request,
            {
                "title": name,
                "row": row,
                "kind": source.kind,
                "rules": source.ruleset.ordered(),
                "table": source.table,
                "versions": [
                    {
                        "row": item,
                        "by": names.get(item.created_by, ""),
                        "in_force": [
                            facts.name for facts in in_force if facts.version_of(name) == item.version
                        ],
                    }
                    for item in rows
                ],
                "compared": compared,
                "against": against or row.base,
                "contract": contract,
                "used": used,
                "mine": mine,
                "edit_url": edit_url(name, contract) if contract else "",
                "can_write": "policy.write" in allowed(request),
                "can_try": "decision.simulate" in allowed(request),
            },
        )

    def _unsaved(self, request: HttpRequest, name: str, mine: list[Any]) -> HttpResponse:
        if not mine:
            raise selectors.RulesetNotFound(_("There is no such ruleset."))
        return self.goto(request, edit_url(name, mine[0].contract))


class ReachPage(pages.Page):
    """What each rule did on the newest decisions, as a part of the ruleset's page."""

    template = "policy/rules/reach.html"
    permission = "decision.simulate"
    active = "rules"

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        """Measure one version."""
        ruleset = trying.ruleset_of(
            source="", name=known(name), version=request.GET.get("version", "")[:40].replace("\0", "")
        )
        contract = request.GET.get("contract", "")[:63].replace("\0", "")
        found = trying.coverage(contract=contract, ruleset=ruleset, rows=None)
        rows = [rule for rule in found["rules"] if rule["ruleset"] == name]
        return self.render(request, {"found": found, "rules": rows, "contract": contract})


class EditPage(pages.Page):
    """The editor."""

    template = "policy/rules/edit.html"
    permission = "policy.write"
    active = "rules"

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        """Open the person's draft, or the version that it would begin with."""
        used = contracts_of(known(name))
        contract = request.GET.get("contract", "")[:63].replace("\0", "") or (used[0].name if used else "")
        space = trying.workspace(contract=contract)
        draft = drafts.find_draft(contract=contract, ruleset=name, author=actor_of(request))
        newest = selectors.find_newest(name=name)
        if draft is None and newest is None:
            raise selectors.RulesetNotFound(_("There is no such ruleset. Begin a new one."))
        base = self._base(name, draft, newest)
        others = [row for row in drafts.list_drafts(ruleset=name)[:50] if row.author != actor_of(request)]
        names = people.names_of([row.author for row in others])
        may = allowed(request)
        data = {
            **space,
            "ruleset": name,
            "in_force": dict(uses.contracts().get(contract).rulesets).get(name, ""),
            "newest": newest.version if newest else "",
            "base_version": draft.base_version if draft else (base.version if base else ""),
            "base_source": base.source if base else "",
            "draft": drafts.as_json(draft, text=True) if draft else None,
            "proposed": services.propose_version(name=name, base=newest.version if newest else ""),
            "can_try": "decision.simulate" in may,
            "can_read_input": "decision.read_input" in may,
            "can_read": "decision.read" in may,
            "urls": {
                "activate": reverse("ruleset-activate", args=[name, "VERSION"]) + f"?contract={contract}",
                "ruleset": reverse("ruleset", args=[name]),
            },
        }
        return self.render(
            request,
            {
                "title": name,
                "data": data,
                "contract": contract,
                "used": used,
                "newest": newest,
                "others": [{"by": names[row.author], "row": row} for row in others],
            },
        )

    @staticmethod
    def _base(name: str, draft: Any, newest: RulesetVersion | None) -> RulesetVersion | None:
        if draft is None or (newest and draft.base_version == newest.version):
            return newest
        return RulesetVersion.objects.filter(name=name, version=draft.base_version).first()


class ActivatePage(pages.Page):
    """A version beside what is in force, tried on the newest decisions, and the button."""

    template = "policy/rules/activate.html"
    permission = "policy.write"
    active = "rules"

    def _context(self, request: HttpRequest, name: str, version: str) -> dict[str, Any]:
        used = contracts_of(known(name))
        everything = [facts.name for facts in uses.contracts().list_current()]
        contract = request.GET.get("contract", "")[:63].replace("\0", "")
        contract = contract or (used[0].name if used else (everything[0] if everything else ""))
        shown = services.preview_activation(name=name, version=version, contract=contract)
        counts: dict[tuple[str, str], int] = {}
        for flip in shown["rehearsal"]["flips"]:
            pair = (flip["before"], flip["after"])
            counts[pair] = counts.get(pair, 0) + 1
        worst = [item for item in shown["problems"] if item["severity"] == "error"]
        return {
            "title": _("Put %(name)s %(version)s in force") % {"name": name, "version": version},
            "name": name,
            "version": version,
            "shown": shown,
            "contract": contract,
            "contracts": everything,
            "counts": [{"before": a, "after": b, "count": n} for (a, b), n in sorted(counts.items())],
            "errors": worst,
            "row": selectors.get_version(name=name, version=version),
            "edit_url": edit_url(name, contract),
        }

    def get(self, request: HttpRequest, name: str, version: str) -> HttpResponse:
        """Show what would change."""
        return self.render(request, self._context(request, name, version[:40]))

    def post(self, request: HttpRequest, name: str, version: str) -> HttpResponse:
        """Put the version in force, once for each form."""
        contract = request.POST.get("contract", "")[:63]
        reason = request.POST.get("reason", "")[:500]
        if len(reason.strip()) < 3:
            wrong = {
                **self._context(request, name, version[:40]),
                "reason_error": _("Say why, in a few words."),
            }
            return self.render(request, wrong, status=422)

        def act() -> str:
            facts = services.activate(
                name=known(name),
                version=version[:40],
                contract=contract,
                expected=request.POST.get("expected", "")[:40],
                reason=reason,
                confirm=request.POST.get("confirm", "")[:63],
                actor=actor_of(request),
            )
            told = {"contract": facts.name, "version": facts.version, "ruleset": f"{name} {version}"}
            pages.toast(request, _("%(contract)s %(version)s decides by %(ruleset)s now.") % told)
            return reverse("rules-contract", args=[facts.name])

        return self.once(request, act)
