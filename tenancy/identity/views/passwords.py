"""A forgotten password: ask for a link, follow it, choose a new one."""

from __future__ import annotations

import uuid

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from decisionos.kernel import clock
from decisionos.kernel.web import addresses
from tenancy.identity import passwords, signing_in
from tenancy.identity.views import bare


class ForgottenForm(forms.Form):
    """Whose password."""

    email = forms.EmailField(
        label=gettext_lazy("E-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )


class NewPasswordForm(forms.Form):
    """A new password, twice."""

    password = forms.CharField(
        label=gettext_lazy("New password"),
        max_length=4096,
        strip=False,
        help_text=gettext_lazy("At least 12 characters; a few words that only you put together are best."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "autofocus": True}),
    )
    again = forms.CharField(
        label=gettext_lazy("Once more"),
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_again(self) -> str:
        """Refuse two that differ."""
        if self.cleaned_data["again"] != self.cleaned_data.get("password"):
            raise forms.ValidationError(_("The two are not the same."))
        return str(self.cleaned_data["again"])


@bare.bare
@require_http_methods(["GET", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """Take an address; say the same whether it is known or not."""
    form = ForgottenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            passwords.request_reset(
                email=form.cleaned_data["email"],
                base_url=request.build_absolute_uri("/").rstrip("/"),
                address=str(addresses.client_address(request)),
                now=clock.now(),
            )
        except signing_in.SignInThrottled:
            form.add_error(None, _("Too many requests. Wait a quarter of an hour, then try again."))
            return bare.page(request, "forgotten", {"form": form}, status=429)
        return bare.page(request, "forgotten", {"sent_to": form.cleaned_data["email"]})
    return bare.page(request, "forgotten", {"form": form}, status=422 if form.is_bound else 200)


@bare.bare
@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "POST"])
def reset(request: HttpRequest, user_id: uuid.UUID, token: str) -> HttpResponse:
    """Take a new password from whoever holds the link."""
    try:
        passwords.user_of_link(user_id=user_id, token=token)
    except passwords.LinkSpent:
        return bare.page(request, "link_spent", {}, status=404)
    form = NewPasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            passwords.reset(user_id=user_id, token=token, password=form.cleaned_data["password"])
        except passwords.PasswordRefused as error:
            bare.told(form, error, "password")
        else:
            return bare.page(request, "password_set", {})
    return bare.page(request, "reset", {"form": form}, status=422 if form.is_bound else 200)
