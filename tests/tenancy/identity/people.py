"""People with passwords and authenticator apps, and browsers for them."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from decisionos.kernel.tenants import scope
from tenancy.access import services as access
from tenancy.identity import second_factor
from tenancy.identity import services as identity
from tenancy.identity.models import User
from tenancy.organizations.models import Organization

EMAIL, PASSWORD = "ann@example.com", "correct horse battery"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def person(*places: Organization, email: str = EMAIL, role: str = "owner", **more: Any) -> User:
    """Return a member of organizations, with a role in each."""
    found = identity.create_user(email=email, password=PASSWORD, **more)
    for place in places:
        with scope.tenant_scope(place.id):
            identity.add_member(user=found)
            access.grant(subject_kind="user", subject_id=found.id, role=role)
    return found


def code_of(device: TOTPDevice) -> str:
    """Return the code that the app shows now."""
    device.refresh_from_db()
    device.throttle_reset()
    device.last_t = -1
    device.save()
    return f"{totp(device.bin_key, step=device.step, t0=device.t0, digits=device.digits):06d}"


def enrolled(user: User) -> tuple[TOTPDevice, list[str]]:
    """Give a person an app and recovery codes."""
    device, codes = second_factor.confirm(user, code_of(second_factor.begin(user)))
    code_of(device)
    return device, codes


def browser(agent: str = FIREFOX) -> Client:
    """Return a browser."""
    return Client(headers={"User-Agent": agent})


def signed_in(email: str = EMAIL, client: Client | None = None, password: str = PASSWORD) -> Client:
    """Sign in through the form."""
    used = client or browser()
    answer = used.post("/login", {"email": email, "password": password})
    assert answer.status_code == 302, answer.content.decode()
    return used
