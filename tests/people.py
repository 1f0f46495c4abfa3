"""People who are signed in, with a role in an organization, for tests of pages."""

from __future__ import annotations

import itertools
import uuid

from django.test import Client

from decisionos.kernel.tenants import scope
from tenancy.access import services as access
from tenancy.identity import services as identity

_numbers = itertools.count(1)


def person(tenant: uuid.UUID, *, role: str = "admin") -> Client:
    """Return the browser of a new member of an organization."""
    user = identity.create_user(
        email=f"person-{next(_numbers)}@example.com", password="correct horse battery"
    )
    with scope.tenant_scope(tenant):
        identity.add_member(user=user)
        access.grant(subject_kind="user", subject_id=user.id, role=role)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client
