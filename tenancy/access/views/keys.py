"""API keys of the organization and one's own tokens: made, shown once, watched, revoked."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from decisionos.kernel import clock, errors
from decisionos.kernel.console import context
from decisionos.kernel.console.pages import Page, toast
from decisionos.kernel.tenants import scope
from tenancy.access import delegation, mapping, registry
from tenancy.access import services as access
from tenancy.identity import keys
from tenancy.identity.enums import KeyKind
from tenancy.identity.models import ApiKey

MANAGE = "keys.manage"
DAYS = (("30", gettext_lazy("30 days")), ("90", gettext_lazy("90 days")), ("366", gettext_lazy("a year")))


class NewKeyForm(forms.Form):
    """A key or token to make."""

    kind = forms.ChoiceField(label=gettext_lazy("For"), choices=())
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        help_text=gettext_lazy("What uses it, so that somebody knows later whether it may go."),
    )
    role = forms.ChoiceField(label=gettext_lazy("Role of a key"), required=False, choices=())
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Narrowed to"),
        required=False,
        choices=(),
        widget=forms.SelectMultiple(attrs={"size": 8}),
        help_text=gettext_lazy("A token needs at least one; a key without any may all that its role may."),
    )
    days = forms.ChoiceField(label=gettext_lazy("Expires in"), choices=DAYS, initial="90")

    def __init__(
        self, *args: Any, held: frozenset[str], roles: list[str], manages: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        kinds = [("personal", _("myself (personal token)"))]
        fields: Any = self.fields
        fields["kind"].choices = [("service", _("a program (API key)")), *kinds] if manages else kinds
        fields["role"].choices = [("", "—"), *((role, role) for role in roles)]
        fields["scopes"].choices = [(name, name) for name in registry.PERMISSIONS if name in held]
        if not manages:
            del self.fields["role"]

    def clean(self) -> dict[str, Any]:
        """Ask for what the kind needs."""
        found = dict(super().clean() or {})
        if found.get("kind") == "service" and not found.get("role"):
            self.add_error("role", _("A key needs a role."))
        if found.get("kind") == "personal" and not found.get("scopes"):
            self.add_error("scopes", _("Choose what the token may do."))
        return found


def status_of(key: ApiKey, now: datetime) -> tuple[str, str]:
    """Return the tone and the word for a key."""
    if key.revoked_at is not None:
        return "plain", _("revoked")
    if key.expires_at is not None and key.expires_at <= now:
        return "plain", _("expired")
    if key.expires_at is not None and key.expires_at - now < timedelta(days=14):
        return "warn", _("expires soon")
    return "ok", _("in force")


class KeysPage(Page):
    """Keys and tokens."""

    template = "tenancy/access/keys.html"
    title = gettext_lazy("API keys")
    active = "keys"

    def _subject(self, request: HttpRequest) -> access.Subject:
        found: Any = request
        subject: access.Subject = found.subject
        return subject

    def _manages(self, request: HttpRequest) -> bool:
        return MANAGE in context.shell_of(request).allowed

    def _form(self, request: HttpRequest, data: Any = None) -> NewKeyForm:
        held = delegation.held(self._subject(request), now=clock.now())
        known = mapping.roles_in_force(scope.require())
        roles = [name for name, permissions in known.items() if permissions <= held]
        return NewKeyForm(data, held=held, roles=roles, manages=self._manages(request))

    def _show(self, request: HttpRequest, *, status: int = 200, **more: Any) -> HttpResponse:
        now, subject = clock.now(), self._subject(request)
        rows = ApiKey.objects.filter(tenant_id=scope.require()).select_related("user").order_by("-id")
        if not self._manages(request):
            rows = rows.filter(user_id=subject.id)
        values = {
            "rows": [(row, *status_of(row, now)) for row in rows[:200]],
            "form": more.get("form") or self._form(request),
            "manages": self._manages(request),
            **more,
        }
        answer = self.render(request, values, status=status)
        answer["Cache-Control"] = "no-store"
        return answer

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the organization's, or one's own."""
        return self._show(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Make one; its secret is in this answer and nowhere afterwards."""
        form = self._form(request, request.POST)
        if not form.is_valid():
            return self._show(request, form=form, status=422)
        key, raw = self._issue(request, form.cleaned_data)
        return self._show(request, made=key, raw=raw)

    def _issue(self, request: HttpRequest, wanted: dict[str, Any]) -> tuple[ApiKey, str]:
        subject, now, scopes = self._subject(request), clock.now(), wanted["scopes"]
        until = now + timedelta(days=int(wanted["days"]))
        if wanted["kind"] == "personal":
            user: Any = request.user
            delegation.check_handing_out(subject, scopes, now=now)
            return keys.issue_key(
                name=wanted["name"],
                role="",
                kind=KeyKind.PERSONAL,
                scopes=scopes,
                user=user,
                expires_at=until,
            )
        access.authorize(subject, MANAGE)
        handed = mapping.roles_in_force(scope.require()).get(wanted["role"], frozenset())
        delegation.check_handing_out(subject, handed & set(scopes) if scopes else handed, now=now)
        return keys.issue_key(name=wanted["name"], role=wanted["role"], scopes=scopes, expires_at=until)


class RevokeKeyPage(Page):
    """The end of a key."""

    def post(self, request: HttpRequest, key_id: uuid.UUID) -> HttpResponse:
        """Revoke it; one's own token, or any as a manager of keys."""
        found: Any = request
        row = ApiKey.objects.filter(tenant_id=scope.require(), id=key_id).first()
        if row is None or row.user_id != found.subject.user_id:
            access.authorize(found.subject, MANAGE)
        if row is None:
            raise errors.NotFound(_("There is no such key."), code="key_not_found")
        keys.revoke_key(key_id=key_id, now=clock.now())
        toast(request, _("“%(name)s” is revoked. It opens nothing within seconds.") % {"name": row.name})
        return self.goto(request, reverse("keys"))
