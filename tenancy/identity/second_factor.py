"""The second factor of a person: codes of an authenticator app (TOTP), and recovery codes used once each.

Who must have one: everybody who enrolled one, and the staff of the installation always. On a demonstration on
a developer's machine (DOS_DEMO without DOS_ENV=prod) staff may do without, and every page says so.
What must stay true: a recovery code is shown once and kept as a hash; a code opens once; wrong codes slow the
next one down.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import segno
from django.conf import settings
from django.db import transaction
from django.utils.safestring import SafeString, mark_safe
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from decisionos.kernel import errors
from tenancy.identity import auditing
from tenancy.identity.models import User

NUMBER_OF_CODES = 10
APP, RECOVERY = "authenticator", "recovery codes"
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class CodeWrong(errors.Invalid):
    """The code is not the present one."""

    code = "second_factor_wrong"
    title = "The code is not right"


class SecondFactorRequired(errors.Conflict):
    """This account may not be without a second factor."""

    code = "second_factor_required"
    title = "This account needs a second factor"


def is_excused() -> bool:
    """Return whether staff of this installation may do without: a demonstration in development."""
    return bool(settings.DOS_DEMO) and not settings.PRODUCTION


def has_one(user: Any) -> bool:
    """Return whether a person enrolled a second factor."""
    return bool(TOTPDevice.objects.filter(user_id=user.pk, confirmed=True).exists())


def is_demanded(user: Any) -> bool:
    """Return whether a person must have one, enrolled or not."""
    return bool(user.is_staff or user.is_superuser) and not is_excused()


def step_of(user: Any) -> str:
    """Return what is still missing of a sign-in: ``code``, ``enrol``, or nothing."""
    if not user.is_authenticated or getattr(user, "otp_device", None) is not None:
        return ""
    known: bool | None = getattr(user, "_has_second_factor", None)
    if known is None:
        known = user._has_second_factor = has_one(user)  # for as long as this request
    if known:
        return "code"
    return "enrol" if is_demanded(user) else ""


def _hash(user: User, code: str) -> str:
    plain = "".join(code.lower().replace("-", "").split())
    return hashlib.sha256(f"{user.pk}:{plain}".encode()).hexdigest()[:16]


def match(user: Any, code: str) -> Any:
    """Return the device whose code this is, or None; the code is used up."""
    plain = "".join(code.split())
    if plain.isascii() and plain.isdigit():
        with transaction.atomic():
            for device in TOTPDevice.objects.select_for_update().filter(user_id=user.pk, confirmed=True):
                if device.verify_token(plain):
                    return device
        return None
    with transaction.atomic():
        found = StaticDevice.objects.select_for_update().filter(user_id=user.pk, confirmed=True).first()
        if found is not None and len(plain) <= 40 and found.verify_token(_hash(user, plain)):
            return found
    return None


def begin(user: User) -> TOTPDevice:
    """Return the device that a person is enrolling; the same until it is confirmed."""
    waiting = TOTPDevice.objects.filter(user=user, confirmed=False).order_by("id").first()
    return waiting or TOTPDevice.objects.create(user=user, name=APP, confirmed=False)


def secret_of(device: TOTPDevice) -> str:
    """Return the secret as it is typed into an app: base32 in groups of four."""
    text = str(device.config_url).partition("secret=")[2].partition("&")[0]
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def picture_of(device: TOTPDevice) -> SafeString:
    """Return the enrolment as a QR code, an SVG without style."""
    drawn = segno.make(device.config_url, error="m").svg_inline(
        border=2, dark="#000", light="#fff", omitsize=True, svgclass="qr", lineclass=None
    )
    return mark_safe(drawn)  # noqa: S308  drawn here, from our own text


def confirm(user: User, code: str) -> tuple[TOTPDevice, list[str]]:
    """Put the device in force that shows this code; returns it with fresh recovery codes.

    Raises CodeWrong. A device that was in force before is replaced.
    """
    with transaction.atomic():
        device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=False).first()
        if device is None or not device.verify_token("".join(code.split())):
            failed = True
        else:
            failed = False
            TOTPDevice.objects.filter(user=user).exclude(pk=device.pk).delete()
            device.confirmed = True
            device.save(update_fields=["confirmed"])
            codes = new_recovery_codes(user)
            auditing.note(user, "access.second_factor_enrolled", {})
    if failed or device is None:
        raise CodeWrong("The code does not belong to this app, or its time has passed.")
    return device, codes


def new_recovery_codes(user: User) -> list[str]:
    """Replace the recovery codes of a person and return them, this once."""
    codes = [
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(2))
        for _ in range(NUMBER_OF_CODES)
    ]
    with transaction.atomic():
        StaticDevice.objects.filter(user=user).delete()
        device = StaticDevice.objects.create(user=user, name=RECOVERY, confirmed=True)
        StaticToken.objects.bulk_create(StaticToken(device=device, token=_hash(user, code)) for code in codes)
        auditing.note(user, "access.recovery_codes_made", {"count": len(codes)})
    return codes


def count_recovery_codes(user: User) -> int:
    """Return how many recovery codes are left."""
    return int(StaticToken.objects.filter(device__user=user).count())


def remove(user: User, code: str) -> None:
    """Take the second factor away from an account that may be without; raises CodeWrong."""
    if is_demanded(user):
        raise SecondFactorRequired("Staff of this installation always sign in with a second factor.")
    if match(user, code) is None:
        raise CodeWrong("Show a present code to take the second factor away.")
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user).delete()
        StaticDevice.objects.filter(user=user).delete()
        auditing.note(user, "access.second_factor_removed", {})
