"""Forgotten and changed passwords.

What must stay true: asking for a link answers the same, in the same time, whether there is an account or not;
a link works once, for an hour, and ends with any sign-in or change of password; a new password ends every
other session.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.db import transaction

from decisionos.kernel import errors
from tenancy.identity import auditing, mailing, signing_in
from tenancy.identity.models import User


class LinkSpent(errors.NotFound):
    """The link was used, is too old, or was never one of ours."""

    code = "reset_link_spent"
    title = "This link does not work any more"


class PasswordRefused(errors.Invalid):
    """The new password is not acceptable."""

    code = "password_refused"
    title = "The password is not acceptable"


def request_reset(*, email: str, base_url: str, address: str, now: datetime) -> None:
    """Send a link to the person of an address, where there is one; raises SignInThrottled."""
    signing_in.count_attempt(email=f"reset {email}", address=address, now=now)
    found = User.objects.filter(email__iexact=email.strip(), is_active=True).first()
    user = found or User(id=uuid.UUID(int=0), email="nobody@invalid")
    link = f"{base_url}/reset/{user.pk}/{default_token_generator.make_token(user)}"
    message = mailing.compose(user, "reset", {"link": link})
    if found is not None:
        mailing.post(message)
    auditing.log("access.reset_requested", {"address": address})


def user_of_link(*, user_id: uuid.UUID, token: str) -> User:
    """Return whose link it is; raises LinkSpent."""
    user = User.objects.filter(id=user_id, is_active=True).first()
    if user is None or not default_token_generator.check_token(user, token):
        raise LinkSpent("Ask for a new link.")
    return user


def check_strength(user: User, password: str) -> None:
    """Refuse a weak password; raises PasswordRefused."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise PasswordRefused(
            "Choose another password.",
            errors=[{"pointer": "/password", "message": message} for message in error.messages],
        ) from error


def reset(*, user_id: uuid.UUID, token: str, password: str) -> User:
    """Set a new password by a link; every session ends. Raises LinkSpent, PasswordRefused."""
    with transaction.atomic():
        User.objects.select_for_update().filter(id=user_id).first()
        user = user_of_link(user_id=user_id, token=token)
        _set(user, password, how="link")
    return user


def change(*, user: User, old: str, new: str, address: str, now: datetime, keep: str = "") -> None:
    """Change one's own password; the other sessions end. Raises SignInRefused, PasswordRefused."""
    signing_in.check_password(email=user.email, password=old, address=address, now=now)
    with transaction.atomic():
        _set(user, new, how="own", keep=keep)


def _set(user: User, password: str, *, how: str, keep: str = "") -> None:
    check_strength(user, password)
    user.set_password(password)
    user.save(update_fields=["password"])
    signing_in.end_all(user, but=keep)
    auditing.note(user, "access.password_changed", {"how": how})
    mailing.send(user, "password_changed", {})
