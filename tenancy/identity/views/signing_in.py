"""Sign in, in two steps, and out; enrol a second factor."""

from __future__ import annotations

import urllib.parse
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from decisionos.kernel import clock
from decisionos.kernel.web import addresses
from tenancy.identity import second_factor, signing_in
from tenancy.identity.views import bare


class SignInForm(forms.Form):
    """E-mail and password."""

    email = forms.CharField(
        label=gettext_lazy("E-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class CodeForm(forms.Form):
    """The code of the second factor, or one for recovery."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=32,
        help_text=gettext_lazy("Six digits of your authenticator app, or a recovery code."),
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "text", "autofocus": True}
        ),
    )


class AppCodeForm(forms.Form):
    """The first code of a new app."""

    code = forms.CharField(
        label=gettext_lazy("Code of the app"),
        max_length=10,
        help_text=gettext_lazy("The six digits that the app shows now."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


def _again(request: HttpRequest, name: str = "sign-in") -> HttpResponse:
    query = urllib.parse.urlencode({"next": bare.next_of(request)})
    return HttpResponseRedirect(f"{reverse(name)}?{query}")


@bare.bare
@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for the password, then for the second factor; send those to enrol who must and have not."""
    user: Any = request.user
    step = second_factor.step_of(user)
    if step == "code":
        return _second(request, user)
    if step == "enrol":
        return _again(request, "second-factor")
    if user.is_authenticated:
        return HttpResponseRedirect(bare.next_of(request))
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            found = signing_in.check_password(
                **form.cleaned_data, address=str(addresses.client_address(request)), now=clock.now()
            )
        except signing_in.SignInThrottled as error:
            wait = -(-int(error.extra["retry_after"]) // 60)
            form.add_error(
                None, _("Too many attempts. Wait %(minutes)s minutes, then try again.") % {"minutes": wait}
            )
            answer = bare.page(request, "sign_in", {"form": form, "step": "password"}, status=429)
            answer["Retry-After"] = str(error.extra["retry_after"])
            return answer
        except signing_in.SignInRefused:
            form.add_error(None, _("This e-mail and password do not belong together."))
        else:
            signing_in.start(request, found, now=clock.now())
            onwards = _again(request)
            bare.remember_language(onwards, found.language)
            return onwards
    status = 422 if form.is_bound else 200
    return bare.page(request, "sign_in", {"form": form, "step": "password"}, status=status)


def _second(request: HttpRequest, user: Any) -> HttpResponse:
    form = CodeForm(request.POST if "code" in request.POST else None)
    status = 422 if form.is_bound else 200
    if request.method == "POST" and form.is_valid():
        try:
            signing_in.count_attempt(
                email=f"code {user.pk}", address=str(addresses.client_address(request)), now=clock.now()
            )
        except signing_in.SignInThrottled:
            form.add_error(None, _("Too many attempts. Wait a quarter of an hour, then try again."))
            status = 429
        else:
            device = second_factor.match(user, form.cleaned_data["code"])
            if device is not None:
                signing_in.forgive(email=f"code {user.pk}", address=str(addresses.client_address(request)))
                signing_in.show_second(request, device, now=clock.now())
                return HttpResponseRedirect(bare.next_of(request))
            form.add_error("code", _("This code is not right, or it was used already."))
    return bare.page(request, "sign_in", {"form": form, "step": "code"}, status=status)


@bare.bare
@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
def enrol(request: HttpRequest) -> HttpResponse:
    """Show the code to scan, take the app's first code, show the recovery codes this once."""
    user: Any = request.user
    if not user.is_authenticated or second_factor.step_of(user) == "code":
        return _again(request)
    form = AppCodeForm(request.POST if "code" in request.POST else None)
    if request.method == "POST" and form.is_valid():
        try:
            device, codes = second_factor.confirm(user, form.cleaned_data["code"])
        except second_factor.CodeWrong:
            form.add_error("code", _("This is not the code that the app shows now. Check its clock."))
        else:
            signing_in.show_second(request, device, now=clock.now())
            return bare.page(request, "recovery_codes", {"codes": codes, "text": "\n".join(codes)})
    waiting = second_factor.begin(user)
    context = {
        "form": form,
        "picture": second_factor.picture_of(waiting),
        "secret": second_factor.secret_of(waiting),
        "is_forced": second_factor.is_demanded(user) and not second_factor.has_one(user),
    }
    return bare.page(request, "enrol", context, status=422 if form.is_bound else 200)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    signing_in.leave(request)
    return HttpResponseRedirect(reverse("sign-in"))
