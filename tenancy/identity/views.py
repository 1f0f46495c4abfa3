"""Sign in and out."""

from __future__ import annotations

from typing import Any

import django_otp
from django import forms
from django.contrib import auth
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST


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


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or "/"
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe else "/"


def _page(request: HttpRequest, form: forms.Form, *, step: str, status: int = 200) -> HttpResponse:
    context = {"form": form, "step": step, "next": _next(request)}
    return HttpResponse(render_to_string("tenancy/identity/sign_in.html", context, request), status=status)


@never_cache
@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for the password, then for the second factor where one is enrolled."""
    user: Any = request.user
    if user.is_authenticated:
        if user.is_verified() or not django_otp.user_has_device(user):
            return HttpResponseRedirect(_next(request))
        return _second(request, user)
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        found = auth.authenticate(
            request, username=form.cleaned_data["email"], password=form.cleaned_data["password"]
        )
        if found is not None:
            auth.login(request, found)
            return HttpResponseRedirect(request.get_full_path())
        form.add_error(None, _("This e-mail and password do not belong together."))
    return _page(request, form, step="password", status=422 if form.is_bound else 200)


def _second(request: HttpRequest, user: Any) -> HttpResponse:
    form = CodeForm(request.POST if "code" in request.POST else None)
    if request.method == "POST" and form.is_valid():
        device = django_otp.match_token(user, form.cleaned_data["code"].replace(" ", ""))
        if device is not None:
            django_otp.login(request, device)
            return HttpResponseRedirect(_next(request))
        form.add_error("code", _("This code is not right, or it was used already."))
    return _page(request, form, step="code", status=422 if form.is_bound else 200)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    auth.logout(request)
    return HttpResponseRedirect("/login")
