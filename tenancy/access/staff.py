"""Platform staff: the people who run this installation, above every organization.

What must stay true: no key of an organization is ever platform staff; a person is, for as long as the account
is active, and a personal token of theirs only within its scopes.
"""

from __future__ import annotations

from tenancy.access import services as access
from tenancy.identity.models import User


def is_staff(subject: access.Subject) -> bool:
    """Return whether the one who asks runs the installation."""
    if subject.user_id is None:
        return False
    return User.objects.filter(id=subject.user_id, is_active=True, is_staff=True, is_superuser=True).exists()


def require_staff(subject: access.Subject, permission: str) -> None:
    """Refuse everybody but platform staff, and a token that is narrowed to other permissions.

    Raises PermissionDenied.
    """
    narrowed = bool(subject.scopes) and permission not in subject.scopes
    if narrowed or subject.project_id is not None or not is_staff(subject):
        raise access.PermissionDenied(
            "Only the staff of this installation may do this.", extra={"permission": permission}
        )
