"""Members and roles: who belongs here, what each role may, invitations."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from decisionos.kernel import clock, errors
from decisionos.kernel.console import context
from decisionos.kernel.console.pages import Page, toast
from decisionos.kernel.tenants import scope
from tenancy.access import mapping, members, registry, sessions
from tenancy.access import services as access
from tenancy.identity import services as identity
from tenancy.identity import signing_in
from tenancy.identity.models import User
from tenancy.identity.views import bare
from tenancy.identity.views.passwords import NewPasswordForm
from tenancy.organizations import selectors as organizations


class InviteForm(forms.Form):
    """Whom, with which role."""

    email = forms.EmailField(label=gettext_lazy("E-mail"), max_length=254)
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roles: Any = self.fields["role"]
        roles.choices = [(name, name) for name in mapping.roles_in_force(scope.require())]


class JoinForm(NewPasswordForm):
    """A name and a password for somebody new."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    field_order = ("name", "password", "again")


class MembersPage(Page):
    """The members."""

    template = "tenancy/access/members.html"
    title = gettext_lazy("Members and roles")
    active = "members"
    permission = "rbac.read"

    def _show(self, request: HttpRequest, *, status: int = 200, **more: Any) -> HttpResponse:
        now, found = clock.now(), _as_any(request)
        manages = "rbac.manage" in context.shell_of(request).allowed
        values = {
            "members": members.list_members(now=now),
            "invitations": members.list_invitations(now=now),
            "roles": list(mapping.roles_in_force(scope.require())),
            "manages": manages,
            "me": found.subject.user_id,
            "form": InviteForm(),
            "tabs": tabs("members"),
            **more,
        }
        return self.render(request, values, status=status)

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show who belongs here."""
        return self._show(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Invite somebody."""
        found = _as_any(request)
        access.authorize(found.subject, "rbac.manage")
        form = InviteForm(request.POST)
        if form.is_valid():
            try:
                made = members.invite(
                    **form.cleaned_data,
                    by=found.subject,
                    base_url=request.build_absolute_uri("/").rstrip("/"),
                    now=clock.now(),
                )
            except errors.Conflict as error:
                form.add_error("email", error.detail)
            else:
                toast(request, _("An invitation is on its way to %(email)s.") % {"email": made.email})
                return self.goto(request, reverse("members"))
        return self._show(request, form=form, status=422)


class RolesPage(Page):
    """What each role may."""

    template = "tenancy/access/roles.html"
    title = gettext_lazy("Members and roles")
    active = "members"
    permission = "rbac.read"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the matrix."""
        roles = mapping.roles_in_force(scope.require())
        rows = [
            (name, text, [name in permissions for permissions in roles.values()])
            for name, text in registry.PERMISSIONS.items()
        ]
        own = set(roles) - set(registry.ROLES)
        return self.render(
            request, {"roles": [(name, name in own) for name in roles], "rows": rows, "tabs": tabs("roles")}
        )


class ChangeRolePage(Page):
    """Another role for a member."""

    permission = "rbac.manage"

    def post(self, request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
        """Change it."""
        user = members.change_role(
            user_id=user_id,
            role=request.POST.get("role", ""),
            by=_as_any(request).subject,
            now=clock.now(),
        )
        words = {"who": user.name or user.email, "role": request.POST["role"]}
        toast(request, _("%(who)s is %(role)s now.") % words)
        return self.goto(request, reverse("members"))


class RemoveMemberPage(Page):
    """The end of a membership."""

    permission = "rbac.manage"

    def post(self, request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
        """Remove the member."""
        user = members.remove_member(user_id=user_id, by=_as_any(request).subject, now=clock.now())
        toast(request, _("%(who)s is no member any more.") % {"who": user.name or user.email})
        return self.goto(request, reverse("members"))


class WithdrawPage(Page):
    """Taking an invitation back."""

    permission = "rbac.manage"

    def post(self, request: HttpRequest, invitation_id: uuid.UUID) -> HttpResponse:
        """Withdraw it."""
        found = members.withdraw(invitation_id=invitation_id, now=clock.now())
        toast(request, _("The invitation of %(email)s is withdrawn.") % {"email": found.email})
        return self.goto(request, reverse("members"))


def _as_any(request: HttpRequest) -> Any:
    return request


def tabs(active: str) -> list[dict[str, Any]]:
    """Return the tabs of members and roles."""
    names = {"members": _("Members"), "roles": _("What each role may")}
    return [{"label": label, "url": reverse(name), "active": name == active} for name, label in names.items()]


@bare.bare
@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Accept an invitation: as the one who is signed in, after signing in, or as somebody new."""
    now = clock.now()
    try:
        tenant, identifier = members.read_token(token)
        with scope.tenant_scope(tenant):
            invitation = members.open_invitation(identifier, now=now)
            place = organizations.get_organization().name
    except members.InvitationSpent:
        return bare.page(request, "invitation_spent", {}, status=404)
    user: Any = request.user
    known = User.objects.filter(email__iexact=invitation.email).first()
    if known is not None and (not user.is_authenticated or user.pk != known.pk):
        values = {"invitation": invitation, "place": place, "is_other": user.is_authenticated}
        return bare.page(request, "invitation", {**values, "here": request.get_full_path()})
    form = None if known is not None else JoinForm(request.POST or None)
    if request.method == "POST" and (form is None or form.is_valid()):
        try:
            with scope.tenant_scope(tenant):
                if form is not None:
                    known = identity.create_user(
                        email=invitation.email,
                        password=form.cleaned_data["password"],
                        name=form.cleaned_data["name"],
                    )
                assert known is not None
                members.accept(invitation_id=identifier, user=known, now=now)
        except errors.Invalid as error:
            assert form is not None
            bare.told(form, error, "password")
        else:
            if form is not None:
                signing_in.start(request, known, now=now)
            request.session[sessions.KEY] = str(tenant)
            return HttpResponseRedirect("/")
    values = {"invitation": invitation, "place": place, "form": form}
    return bare.page(request, "invitation", values, status=422 if form is not None and form.is_bound else 200)
