"""The organization of a signed-in person: chosen once, looked up again at every request.

What must stay true: a membership that ended, or an organization that was suspended, closes both the pages and
the API at the next request; a suspended one is refused by name, never exchanged for another in silence.
"""

from __future__ import annotations

import uuid

from django.http import HttpRequest

from tenancy.identity import services as identity
from tenancy.organizations import services as organizing

KEY = "organization"


def organization_of(request: HttpRequest) -> uuid.UUID | None:
    """Return the organization that a person works in, or None; the first open one where none was chosen.

    Raises TenantSuspended for the chosen one, or where none is open.
    """
    user, session = getattr(request, "user", None), getattr(request, "session", None)
    if user is None or session is None or not user.is_authenticated:
        return None
    belongings = identity.list_belongings(user.id)
    chosen = str(session.get(KEY, ""))
    found = next((one for one in belongings if str(one.tenant_id) == chosen), None)
    found = found or next((one for one in belongings if one.is_active), None)
    if found is None and not belongings:
        session.pop(KEY, None)
        return None
    found = found or belongings[0]
    if not found.is_active:
        raise organizing.suspended(found.slug)
    if str(found.tenant_id) != chosen:
        session[KEY] = str(found.tenant_id)
    return found.tenant_id
