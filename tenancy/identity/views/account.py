"""A person's own account: name, language and zone; password, second factor, and where they are signed in."""

from __future__ import annotations

import uuid
import zoneinfo
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from decisionos.kernel import clock, errors
from decisionos.kernel.console.pages import Page, toast
from decisionos.kernel.web import addresses
from tenancy.identity import passwords, second_factor, services, signing_in
from tenancy.identity.models import SignIn
from tenancy.identity.views import bare
from tenancy.identity.views.passwords import NewPasswordForm
from tenancy.identity.views.signing_in import CodeForm


class ProfileForm(forms.Form):
    """How somebody is called, and in which language and zone they read."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), required=False)
    time_zone = forms.ChoiceField(label=gettext_lazy("Time zone"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        languages: Any = self.fields["language"]
        languages.choices = [("", _("As the browser")), *settings.LANGUAGES]
        zones: Any = self.fields["time_zone"]
        names = sorted(zoneinfo.available_timezones() - {"localtime", "Factory"})
        zones.choices = [("", _("As the organization")), *((name, name) for name in names)]


class ChangeForm(NewPasswordForm):
    """The present password and a new one."""

    old = forms.CharField(
        label=gettext_lazy("Present password"),
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ("old", "password", "again")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].widget.attrs.pop("autofocus", None)


def tabs(active: str) -> list[dict[str, Any]]:
    """Return the tabs of the account."""
    names = {"account": _("Profile"), "security": _("Sign-in and security")}
    return [{"label": label, "url": reverse(name), "active": name == active} for name, label in names.items()]


class ProfilePage(Page):
    """Name, language, zone."""

    template = "tenancy/identity/profile.html"
    title = gettext_lazy("Your account")
    active = "account"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show what is known."""
        user: Any = request.user
        form = ProfileForm(
            initial={"name": user.name, "language": user.language, "time_zone": user.time_zone}
        )
        return self.render(request, {"form": form, "tabs": tabs("account")})

    def post(self, request: HttpRequest) -> HttpResponse:
        """Keep it."""
        user: Any = request.user
        form = ProfileForm(request.POST)
        if not form.is_valid():
            return self.render(request, {"form": form, "tabs": tabs("account")}, status=422)
        services.change_profile(user=user, **form.cleaned_data)
        toast(request, _("Saved"))
        answer = self.goto(request, reverse("account"))
        bare.remember_language(answer, user.language)
        return answer


class SecurityPage(Page):
    """Password, second factor, sessions."""

    template = "tenancy/identity/security.html"
    title = gettext_lazy("Your account")
    active = "account"

    def _show(self, request: HttpRequest, *, status: int = 200, **forms_given: Any) -> HttpResponse:
        user: Any = request.user
        here = request.session.session_key
        context = {
            "tabs": tabs("security"),
            "change": ChangeForm(),
            "remove": CodeForm(auto_id="remove_%s"),
            "sign_ins": [(row, row.session_key == here) for row in signing_in.list_sign_ins(user)],
            "has_factor": second_factor.has_one(user),
            "is_demanded": second_factor.is_demanded(user),
            "codes_left": second_factor.count_recovery_codes(user),
            "most": signing_in.MOST_SIGN_INS,
        }
        return self.render(request, {**context, **forms_given}, status=status)

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show where the account stands."""
        return self._show(request)

    @method_decorator(sensitive_post_parameters("old", "password", "again"))
    def post(self, request: HttpRequest) -> HttpResponse:
        """Change the password; the other sessions end."""
        user: Any = request.user
        form = ChangeForm(request.POST)
        if form.is_valid():
            key = str(request.session.session_key)
            try:
                passwords.change(
                    user=user,
                    old=form.cleaned_data["old"],
                    new=form.cleaned_data["password"],
                    address=str(addresses.client_address(request)),
                    now=clock.now(),
                    keep=key,
                )
            except passwords.PasswordRefused as error:
                bare.told(form, error, "password")
            except (signing_in.SignInRefused, signing_in.SignInThrottled):
                # Not raised further: the attempt stays counted.
                form.add_error("old", _("This is not your present password, or it was tried too often."))
            else:
                auth.update_session_auth_hash(request, user)
                SignIn.objects.filter(session_key=key).update(session_key=str(request.session.session_key))
                toast(request, _("Password changed. Your other sessions have ended."))
                return self.goto(request, reverse("security"))
        return self._show(request, change=form, status=422)


class RecoveryCodesPage(Page):
    """New recovery codes, shown once."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Replace the codes."""
        user: Any = request.user
        if not second_factor.has_one(user):
            raise errors.Conflict(_("Enrol an authenticator app first."))
        codes = second_factor.new_recovery_codes(user)
        context = {"codes": codes, "text": "\n".join(codes), "next": reverse("security")}
        answer = HttpResponse(render_to_string("tenancy/identity/recovery_codes.html", context, request))
        answer["Cache-Control"] = "no-store"
        return answer


class RemoveFactorPage(SecurityPage):
    """Going without a second factor."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        """Take it away against a present code."""
        user: Any = request.user
        form = CodeForm(request.POST, auto_id="remove_%s")
        if form.is_valid():
            try:
                signing_in.count_attempt(
                    email=f"code {user.pk}", address=str(addresses.client_address(request)), now=clock.now()
                )
                second_factor.remove(user, form.cleaned_data["code"])
            except (second_factor.CodeWrong, signing_in.SignInThrottled):
                form.add_error("code", _("This code is not right, or it was used already."))
            else:
                toast(request, _("The second factor is gone. Your password alone opens this account now."))
                return self.goto(request, reverse("security"))
        return self._show(request, remove=form, status=422)


class EndSessionPage(Page):
    """The end of a session, or of all others."""

    def post(self, request: HttpRequest, sign_in_id: uuid.UUID | None = None) -> HttpResponseBase:
        """End it."""
        user: Any = request.user
        if sign_in_id is None:
            count = signing_in.end_all(user, but=str(request.session.session_key))
            toast(request, _("%(count)s other sessions have ended.") % {"count": count})
        else:
            signing_in.end_sign_in(user=user, sign_in_id=sign_in_id)
            toast(request, _("The session has ended."))
        return self.goto(request, reverse("security"))
