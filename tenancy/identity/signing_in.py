"""Signing in: the password is checked under a throttle, the session is made anew, and can be ended anywhere.

What must stay true: an attempt counts before it is judged, by account and by address, so that many at once
count as many; an account that does not exist costs as much time and says the same as a wrong password; every
sign-in gets a session of its own, never one that somebody could have planted; at most three live at once.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from datetime import datetime, timedelta
from typing import Any

import django_otp
from django.contrib import auth
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection, transaction
from django.http import HttpRequest

from decisionos.kernel import clock, errors, ids
from decisionos.kernel.web import addresses
from tenancy.identity import auditing, mailing
from tenancy.identity.models import SignIn, SignInFailure, User

WINDOW = timedelta(minutes=15)
MOST_BY_ACCOUNT, MOST_BY_ADDRESS = 10, 60
MOST_SIGN_INS = 3
BACKEND = "django.contrib.auth.backends.ModelBackend"
_COUNT = """
INSERT INTO tenancy_identity_signinfailure AS f (id, scope, failures, first_at) VALUES (%s, %s, 1, %s)
ON CONFLICT (scope) DO UPDATE SET
    failures = CASE WHEN f.first_at <= %s THEN 1 ELSE f.failures + 1 END,
    first_at = CASE WHEN f.first_at <= %s THEN EXCLUDED.first_at ELSE f.first_at END
RETURNING failures, first_at
"""


class SignInRefused(errors.Unauthenticated):
    """E-mail and password do not belong together."""

    code = "sign_in_refused"
    title = "E-mail and password do not belong together"


class SignInThrottled(errors.Throttled):
    """Too many attempts for this account or from this address."""

    code = "sign_in_throttled"
    title = "Too many attempts to sign in"


class SignInNotFound(errors.NotFound):
    """The person is not signed in there."""

    code = "sign_in_not_found"
    title = "No such session"


def _scopes(email: str, address: str) -> dict[str, int]:
    account = hashlib.sha256(email.strip().lower().encode()).hexdigest()
    place = hashlib.sha256(address.encode()).hexdigest()
    return {f"account:{account}": MOST_BY_ACCOUNT, f"address:{place}": MOST_BY_ADDRESS}


def count_attempt(*, email: str, address: str, now: datetime) -> None:
    """Count an attempt to prove who somebody is; raises SignInThrottled past the bound."""
    for scope_name, most in _scopes(email, address).items():
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, [ids.uuid7(), scope_name, now, now - WINDOW, now - WINDOW])
            failures, first_at = cursor.fetchone()
        if failures > most:
            wait = max(1, int((first_at + WINDOW - now).total_seconds()))
            kind = scope_name.partition(":")[0]
            auditing.log("access.sign_in_throttled", {"by": kind, "address": address})
            raise SignInThrottled(
                f"Try again in {-(-wait // 60)} minutes.", extra={"retry_after": wait, "by": kind}
            )


def forgive(*, email: str, address: str) -> None:
    """Take back what was counted, after a success: all of the account, one of the address."""
    account, place = _scopes(email, address)
    SignInFailure.objects.filter(scope=account).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tenancy_identity_signinfailure SET failures = failures - 1"
            " WHERE scope = %s AND failures > 0",
            [place],
        )


def check_password(*, email: str, password: str, address: str, now: datetime) -> User:
    """Return who somebody is; raises SignInRefused, SignInThrottled."""
    count_attempt(email=email, address=address, now=now)
    user = User.objects.filter(email__iexact=email.strip(), is_active=True).first()
    if user is None:
        make_password(password)  # as long as judging a password takes
    if user is None or not user.check_password(password):
        account = next(iter(_scopes(email, address)))
        auditing.log("access.sign_in_failed", {"account": account[8:24], "address": address})
        raise SignInRefused("This e-mail and password do not belong together.")
    forgive(email=email, address=address)
    return user


def device_of(request: HttpRequest) -> str:
    """Return a few words for a browser."""
    text = request.headers.get("User-Agent", "")
    names = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"))
    browser = next((name for mark, name in names if mark in text), "")
    browser = browser or ("Safari" if "Safari/" in text else "")
    systems = (
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    )
    system = next((name for mark, name in systems if mark in text), "")
    plain = re.sub(r"[^\x20-\x7e]", "", text)[:60]
    return " · ".join(part for part in (browser, system) if part) or plain or "unknown"


def start(request: HttpRequest, user: User, *, now: datetime) -> SignIn:
    """Give somebody a session of their own, note it, and end the oldest past the bound."""
    auth.login(request, user, backend=BACKEND)
    address = str(addresses.client_address(request))
    earlier = SignIn.objects.filter(user=user)
    is_new = earlier.exists() and not earlier.filter(device=device_of(request)).exists()
    with transaction.atomic():
        made = _note(request, user, now=now)
        live = list(SignIn.objects.filter(user=user).order_by("-last_seen_at", "-id"))
        for old in [row for row in live if row.id != made.id][MOST_SIGN_INS - 1 :]:
            _end(old)
        auditing.note(user, "access.signed_in", {"device": made.device, "address": address})
    if is_new:
        mailing.send(user, "new_device", {"device": made.device, "address": address, "at": now})
    return made


def _note(request: HttpRequest, user: User, *, now: datetime) -> SignIn:
    if request.session.session_key is None:
        request.session.save()
    made = SignIn(
        session_key=str(request.session.session_key),
        user=user,
        device=device_of(request),
        address=str(addresses.client_address(request)),
        created_at=now,
        last_seen_at=now,
    )
    SignIn.objects.bulk_create([made], ignore_conflicts=True)
    return made


def show_second(request: HttpRequest, device: Any, *, now: datetime) -> None:
    """Note that the second factor was shown, under a new session key."""
    old = request.session.session_key
    django_otp.login(request, device)
    request.session.cycle_key()
    SignIn.objects.filter(session_key=old).update(session_key=str(request.session.session_key))
    user: Any = request.user
    auditing.note(user, "access.second_factor_shown", {"by": device.name})


def seen(request: HttpRequest, *, now: datetime) -> None:
    """Note that somebody is here; at most once a minute for each process."""
    key = str(request.session.session_key)
    if not cache.add(f"seen:{key}", True, 60):
        return
    if not SignIn.objects.filter(session_key=key).update(last_seen_at=now):
        user: Any = request.user
        _note(request, user, now=now)


def leave(request: HttpRequest) -> None:
    """Sign out here."""
    user: Any = request.user
    if user.is_authenticated:
        SignIn.objects.filter(session_key=request.session.session_key).delete()
        auditing.note(user, "access.signed_out", {})
    auth.logout(request)


def _end(row: SignIn) -> None:
    Session.objects.filter(session_key=row.session_key).delete()
    row.delete()


def list_sign_ins(user: User) -> list[SignIn]:
    """Return where a person is signed in, the latest first; what has expired is left out."""
    rows = list(SignIn.objects.filter(user=user).order_by("-last_seen_at", "-id"))
    alive = set(
        Session.objects.filter(
            session_key__in=[row.session_key for row in rows], expire_date__gt=clock.now()
        ).values_list("session_key", flat=True)
    )
    return [row for row in rows if row.session_key in alive]


def end_sign_in(*, user: User, sign_in_id: uuid.UUID) -> None:
    """End a person's session somewhere; raises SignInNotFound."""
    row = SignIn.objects.filter(user=user, id=sign_in_id).first()
    if row is None:
        raise SignInNotFound("You are not signed in there.")
    with transaction.atomic():
        _end(row)
        auditing.note(user, "access.session_ended", {"device": row.device})


def end_all(user: User, *, but: str = "") -> int:
    """End every session of a person, except the one of a key; returns how many."""
    with transaction.atomic():
        rows = list(SignIn.objects.filter(user=user).exclude(session_key=but))
        for row in rows:
            _end(row)
        auditing.note(user, "access.sessions_ended", {"count": len(rows)})
    return len(rows)


def is_alive(key: str) -> bool:
    """Return whether a session is there."""
    return bool(SessionStore().exists(key))
