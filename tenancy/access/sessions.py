"""The organization of a signed-in person: chosen once, looked up again at every request.

What must stay true: a membership that ended, or an organization that was suspended, closes both the pages and
the API at the next request.
"""

from __future__ import annotations

import uuid

from django.http import HttpRequest

from tenancy.identity import services as identity

KEY = "organization"


def organization_of(request: HttpRequest) -> uuid.UUID | None:
    """Return the organization that a person works in, or None; the first membership where none was chosen."""
    user, session = getattr(request, "user", None), getattr(request, "session", None)
    if user is None or session is None or not user.is_authenticated:
        return None
    open_to = identity.list_tenant_ids(user.id)
    chosen = str(session.get(KEY, ""))
    for tenant in open_to:
        if str(tenant) == chosen:
            return tenant
    if not open_to:
        session.pop(KEY, None)
        return None
    session[KEY] = str(open_to[0])
    return open_to[0]
