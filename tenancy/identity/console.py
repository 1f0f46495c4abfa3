"""What identity enters into the console: one's own account, and the banner of a sign-in by halves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from decisionos.kernel.console import registry
from tenancy.identity import second_factor

registry.nav(
    domain="account",
    name="account",
    label=_("Your account"),
    url_name="account",
    icon="user",
    key="g a",
    order=90,
)
registry.action(_("Change password, second factor, sessions"), "security", icon="lock")


def find_notices(request: HttpRequest) -> Iterator[registry.Notice]:
    """Tell staff of a demonstration that their account has no second factor."""
    user: Any = request.user
    if (user.is_staff or user.is_superuser) and second_factor.is_excused() and user.otp_device is None:
        yield registry.Notice(
            "warn",
            _("Demonstration: this account of staff signs in without a second factor."),
            url=reverse("second-factor") + "?next=/account/security",
            link=_("Enrol one"),
        )


registry.notice("second-factor", find_notices)
