"""Settings of the organization: the configuration as versions, what differs, the way forward and back."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from decisionos.kernel import clock, errors
from decisionos.kernel.console.pages import Page, toast
from tenancy.organizations import configuration, reading, selectors
from tenancy.organizations.models import TenantConfigVersion

SAMPLE = """tenant_id: {slug}
name: {name}
# ip_allowlist: [10.0.0.0/8]
# rbac_map:
#   underwriter: [agent, decision.read]
"""


class SourceForm(forms.Form):
    """A configuration as text."""

    source = forms.CharField(
        label=gettext_lazy("tenant.yaml"),
        max_length=configuration.MOST_BYTES,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 16, "class": "mono", "spellcheck": "false"}),
    )


class SettingsPage(Page):
    """The configuration."""

    template = "tenancy/organizations/settings.html"
    title = gettext_lazy("Organization settings")
    active = "settings"
    permission = "tenant.admin"

    def _show(self, request: HttpRequest, *, status: int = 200, **more: Any) -> HttpResponse:
        organization = selectors.get_organization()
        active = configuration.find_active()
        sample = SAMPLE.format(slug=organization.slug, name=organization.name)
        versions = list(selectors.list_versions().order_by("-number")[:50])
        values = {
            "organization": organization,
            "active_version": active,
            "versions": _with_changes(versions),
            "form": SourceForm(initial={"source": active.source if active else sample}),
            **more,
        }
        return self.render(request, values, status=status)

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show what is in force, and its history."""
        return self._show(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Check a text and show what it would change, or put it in force."""
        form = SourceForm(request.POST)
        if not form.is_valid():
            return self._show(request, form=form, status=422)
        found: Any = request
        try:
            source = reading.read(form.cleaned_data["source"].replace("\r\n", "\n"))
            content = configuration.validate(source, by=found.subject)
        except configuration.ConfigInvalid as error:
            return self._show(request, form=form, problems=error.errors, status=422)
        if request.POST.get("act") != "apply":
            active = configuration.find_active()
            changes = configuration.difference(dict(active.content) if active else {}, content)
            return self._show(request, form=form, checked=True, changes=changes)
        version = configuration.reload(
            source=source, author=found.subject.actor, now=clock.now(), by=found.subject
        )
        toast(request, _("Version %(number)s is in force.") % {"number": version.number})
        return self.goto(request, reverse("settings"))


class RollBackPage(Page):
    """The way back."""

    permission = "tenant.admin"

    def post(self, request: HttpRequest, number: int) -> HttpResponse:
        """Put an earlier version back in force."""
        found: Any = request
        try:
            version = configuration.rollback(
                number=number, author=found.subject.actor, now=clock.now(), by=found.subject
            )
        except configuration.ConfigInvalid as error:
            told = "; ".join(f"{one['pointer']}: {one['message']}" for one in error.errors)
            raise errors.Conflict(
                _("This version would not be accepted today: %(why)s") % {"why": told}
            ) from error
        toast(request, _("Version %(number)s is in force again.") % {"number": version.number})
        return self.goto(request, reverse("settings"))


def _with_changes(
    versions: list[TenantConfigVersion],
) -> list[tuple[TenantConfigVersion, list[dict[str, Any]]]]:
    """Pair each version with what it changed against the one before it."""
    before = {row.number: row.content for row in versions}
    return [
        (row, configuration.difference(before.get(row.number - 1, {}), row.content)[:20]) for row in versions
    ]
