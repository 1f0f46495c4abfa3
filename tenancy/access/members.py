"""Members of an organization: invited, given a role, removed.

What must stay true: nobody gives or takes a role beyond what they hold; an organization keeps an owner; an
invitation works once, for its own address, until it expires; with the membership end the grants, the personal
tokens and the permissions on objects.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, models

from decisionos.kernel import errors
from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.tenants import scope
from tenancy.access import delegation, mapping
from tenancy.access import services as access
from tenancy.access.enums import Effect, ScopeKind, SubjectKind
from tenancy.access.models import Invitation, ObjectPermission, RoleGrant
from tenancy.identity import keys, mailing
from tenancy.identity import services as identity
from tenancy.identity.models import ApiKey, Membership, SignIn, User
from tenancy.organizations import selectors as organizations

DAYS = 7
_SALT = "tenancy.access.invitation"


class MemberNotFound(errors.NotFound):
    """The person does not belong to this organization."""

    code = "member_not_found"
    title = "No such member"


class LastOwner(errors.Conflict):
    """An organization needs an owner."""

    code = "last_owner"
    title = "This is the last owner"


class InvitationSpent(errors.NotFound):
    """The invitation was used, withdrawn, or has expired."""

    code = "invitation_spent"
    title = "This invitation does not work any more"


@dataclass(slots=True)
class Member:
    """A member as the list shows them."""

    user: User
    since: datetime
    roles: list[str] = field(default_factory=list)
    last_seen_at: datetime | None = None


def _roles() -> models.QuerySet[RoleGrant]:
    return RoleGrant.objects.filter(
        tenant_id=scope.require(),
        subject_kind=SubjectKind.USER,
        scope_kind=ScopeKind.ORGANIZATION,
        effect=Effect.ALLOW,
        revoked_at__isnull=True,
    ).exclude(role="")


def list_members(*, now: datetime) -> list[Member]:
    """Return the members, by e-mail, with their roles and when they were last here."""
    rows = Membership.objects.filter(tenant_id=scope.require()).select_related("user")
    found = {row.user_id: Member(row.user, row.created_at) for row in rows.order_by("user__email")}
    for grant in _roles().filter(subject_id__in=list(found)).exclude(expires_at__lte=now):
        found[grant.subject_id].roles.append(grant.role)
    seen = SignIn.objects.filter(user_id__in=list(found)).values_list("user_id")
    for user_id, last in seen.annotate(last=models.Max("last_seen_at")):
        found[user_id].last_seen_at = last
    return list(found.values())


def get_member(user_id: uuid.UUID) -> User:
    """Return a member; raises MemberNotFound."""
    row = Membership.objects.filter(tenant_id=scope.require(), user_id=user_id).select_related("user").first()
    if row is None:
        raise MemberNotFound("There is no such member in this organization.")
    return row.user


def _one_at_a_time() -> None:
    # Two owners who remove each other at the same moment would leave none.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"owners:{scope.require()}"])


def _keep_an_owner(user: User) -> None:
    others = _roles().filter(role="owner", expires_at__isnull=True).exclude(subject_id=user.pk)
    staying = Membership.objects.filter(
        tenant_id=scope.require(), user_id__in=others.values("subject_id"), user__is_active=True
    )
    if _roles().filter(role="owner", subject_id=user.pk).exists() and not staying.exists():
        raise LastOwner("Make somebody else an owner first.")


def _check(by: access.Subject, roles: list[str], now: datetime) -> None:
    known = mapping.roles_in_force(scope.require())
    handed = frozenset().union(*(known.get(role, frozenset()) for role in roles))
    delegation.check_handing_out(by, handed, now=now)


def change_role(*, user_id: uuid.UUID, role: str, by: access.Subject, now: datetime) -> User:
    """Give a member this one role in the organization; raises DelegationRefused, LastOwner. Repeatable."""
    user = get_member(user_id)
    delegation.check_role(role)
    delegation.check_everywhere(by)
    _one_at_a_time()
    present = list(_roles().filter(subject_id=user.pk))
    if [grant.role for grant in present] == [role]:
        return user
    _check(by, [role, *(grant.role for grant in present)], now)
    if role != "owner":
        _keep_an_owner(user)
    for grant in present:
        access.revoke(grant_id=grant.id, now=now)
    access.grant(subject_kind=SubjectKind.USER, subject_id=user.pk, role=role, granted_by=by.actor)
    return user


def remove_member(*, user_id: uuid.UUID, by: access.Subject, now: datetime) -> User:
    """End a membership and all that came with it; raises MemberNotFound, LastOwner, DelegationRefused."""
    user = get_member(user_id)
    delegation.check_everywhere(by)
    _one_at_a_time()
    _check(by, [grant.role for grant in _roles().filter(subject_id=user.pk)], now)
    _keep_an_owner(user)
    tenant = scope.require()
    held = RoleGrant.objects.filter(tenant_id=tenant, subject_kind=SubjectKind.USER, subject_id=user.pk)
    for identifier in held.filter(revoked_at__isnull=True).values_list("id", flat=True):
        access.revoke(grant_id=identifier, now=now)
    own = ApiKey.objects.filter(tenant_id=tenant, user_id=user.pk, revoked_at__isnull=True)
    for identifier in own.values_list("id", flat=True):
        keys.revoke_key(key_id=identifier, now=now)
    ObjectPermission.objects.filter(tenant_id=tenant, user_id=user.pk).delete()
    Membership.objects.filter(tenant_id=tenant, user_id=user.pk).delete()
    ledger.append(
        kind="access.member_removed",
        payload={"user": str(user.pk)},
        subject_type="user",
        subject_id=str(user.pk),
    )
    return user


def list_invitations(*, now: datetime) -> list[Invitation]:
    """Return the invitations that still wait, the newest first."""
    rows = Invitation.objects.filter(tenant_id=scope.require(), accepted_at__isnull=True)
    return list(rows.filter(revoked_at__isnull=True, expires_at__gt=now).order_by("-id"))


def invite(*, email: str, role: str, by: access.Subject, base_url: str, now: datetime) -> Invitation:
    """Invite somebody by mail; an earlier invitation of the same address is withdrawn.

    Raises Invalid for a bad address, RoleUnknown, DelegationRefused, Conflict for a member.
    """
    address = email.strip()
    try:
        validate_email(address)
    except ValidationError as error:
        raise errors.Invalid(
            "The e-mail address is not acceptable.",
            errors=[{"pointer": "/email", "message": error.messages[0]}],
        ) from error
    delegation.check_role(role)
    delegation.check_everywhere(by)
    _check(by, [role], now)
    members = Membership.objects.filter(tenant_id=scope.require(), user__email__iexact=address)
    if members.exists():
        raise errors.Conflict("This person is a member already.", code="member_already")
    waiting = Invitation.objects.filter(tenant_id=scope.require(), email__iexact=address)
    waiting.filter(accepted_at__isnull=True, revoked_at__isnull=True).update(revoked_at=now)
    made = Invitation.objects.create(
        email=address, role=role, invited_by=by.actor, expires_at=now + timedelta(days=DAYS)
    )
    ledger.append(
        kind="access.member_invited",
        payload={"role": role},
        subject_type="invitation",
        subject_id=str(made.id),
    )
    context = {
        "link": f"{base_url}/invitation/{token_of(made)}",
        "organization": organizations.get_organization().name,
        "days": DAYS,
    }
    mailing.post(mailing.compose(User(email=address), "invitation", context))
    return made


def withdraw(*, invitation_id: uuid.UUID, now: datetime) -> Invitation:
    """Take an invitation back; raises InvitationSpent."""
    rows = Invitation.objects.select_for_update().filter(tenant_id=scope.require(), id=invitation_id)
    found = rows.filter(accepted_at__isnull=True, revoked_at__isnull=True).first()
    if found is None:
        raise InvitationSpent("There is no such invitation that waits.")
    found.revoked_at = now
    found.save(update_fields=["revoked_at"])
    ledger.append(
        kind="access.invitation_withdrawn",
        payload={"role": found.role},
        subject_type="invitation",
        subject_id=str(found.id),
    )
    return found


def token_of(invitation: Invitation) -> str:
    """Return what the link of an invitation carries."""
    return signing.dumps({"t": str(invitation.tenant_id), "i": str(invitation.id)}, salt=_SALT, compress=True)


def read_token(token: str) -> tuple[uuid.UUID, uuid.UUID]:
    """Return organization and invitation of a link; raises InvitationSpent."""
    try:
        said: Any = signing.loads(token, salt=_SALT, max_age=timedelta(days=DAYS))
        return uuid.UUID(said["t"]), uuid.UUID(said["i"])
    except (signing.BadSignature, KeyError, TypeError, ValueError) as error:
        raise InvitationSpent("Ask for a new invitation.") from error


def open_invitation(invitation_id: uuid.UUID, *, now: datetime, lock: bool = False) -> Invitation:
    """Return an invitation that waits, in its organization's scope; raises InvitationSpent."""
    rows = Invitation.objects.filter(tenant_id=scope.require(), id=invitation_id)
    found = (rows.select_for_update() if lock else rows).first()
    if found is None or found.accepted_at or found.revoked_at or found.expires_at <= now:
        raise InvitationSpent("Ask for a new invitation.")
    return found


def accept(*, invitation_id: uuid.UUID, user: User, now: datetime) -> Invitation:
    """Make the invited person a member, in the organization's scope; raises InvitationSpent."""
    found = open_invitation(invitation_id, now=now, lock=True)
    if found.email.lower() != user.email.lower():
        raise InvitationSpent("This invitation is for another address.")
    identity.add_member(user=user)
    access.grant(
        subject_kind=SubjectKind.USER, subject_id=user.pk, role=found.role, granted_by=found.invited_by
    )
    found.accepted_at = now
    found.save(update_fields=["accepted_at"])
    ledger.append(
        kind="access.invitation_accepted",
        payload={"user": str(user.pk), "role": found.role},
        subject_type="invitation",
        subject_id=str(found.id),
        actor=f"user:{user.pk}",
    )
    return found
