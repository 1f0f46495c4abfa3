"""People and their memberships."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, connection, transaction

from decisionos.kernel import errors
from decisionos.kernel.ledger import services as ledger
from tenancy.identity.models import Membership, User


class EmailTaken(errors.Conflict):
    """Somebody has this address."""

    code = "email_taken"
    title = "This e-mail address is in use"


def create_user(
    *, email: str, password: str, name: str = "", is_staff: bool = False, is_superuser: bool = False
) -> User:
    """Create a person; raises Invalid for a bad address or a weak password, EmailTaken."""
    try:
        validate_email(email)
    except ValidationError as error:
        raise errors.Invalid(
            "The e-mail address is not acceptable.",
            errors=[{"pointer": "/email", "message": error.messages[0]}],
        ) from error
    try:
        validate_password(password, User(email=email, name=name))
    except ValidationError as error:
        raise errors.Invalid(
            "The password is not acceptable.",
            errors=[{"pointer": "/password", "message": message} for message in error.messages],
        ) from error
    try:
        with transaction.atomic():
            return User.objects.create_user(
                email, password, name=name, is_staff=is_staff, is_superuser=is_superuser
            )
    except IntegrityError as error:
        raise EmailTaken(f"{email} is in use.") from error


def add_member(*, user: User) -> Membership:
    """Make a person a member of the organization in force. Safe to repeat."""
    membership, created = Membership.objects.get_or_create(user=user)
    if created:
        ledger.append(
            kind="access.member_added",
            payload={"user": str(user.id)},
            subject_type="user",
            subject_id=str(user.id),
        )
    return membership


@dataclass(frozen=True, slots=True)
class Belonging:
    """An organization that a person belongs to."""

    tenant_id: uuid.UUID
    slug: str
    name: str
    is_active: bool


def list_belongings(user_id: uuid.UUID) -> list[Belonging]:
    """Return the organizations of a person, oldest first; asked before any tenant is in force."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM tenancy_identity_memberships_of(%s)", [user_id])
        return [Belonging(*row) for row in cursor.fetchall()]


def change_profile(*, user: User, name: str = "", language: str = "", time_zone: str = "") -> User:
    """Keep how a person is called and reads. Safe to repeat."""
    user.name, user.language, user.time_zone = name.strip(), language, time_zone
    user.save(update_fields=["name", "language", "time_zone"])
    return user
