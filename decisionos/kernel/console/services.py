"""Save and delete views."""

from __future__ import annotations

import uuid

from decisionos.kernel import errors
from decisionos.kernel.console import registry
from decisionos.kernel.console.models import SavedView
from decisionos.kernel.console.selectors import ViewNotFound
from decisionos.kernel.tenants import scope


class ViewInvalid(errors.Invalid):
    """A field of the view is not acceptable."""

    code = "view_invalid"
    title = "The view is not acceptable"


def save_view(*, user_id: uuid.UUID, page: str, name: str, query: str, shared: bool = False) -> SavedView:
    """Keep a view under its name; the same name again replaces it. Raises ViewInvalid."""
    name, query = name.strip(), query.lstrip("?")
    problems = []
    if not name or len(name) > 80 or not name.isprintable():
        problems.append({"pointer": "/name", "message": "1 to 80 printable characters"})
    if len(query) > 2000:
        problems.append({"pointer": "/query", "message": "at most 2,000 characters"})
    if page not in registry.pages:
        problems.append({"pointer": "/page", "message": "not a page of the console"})
    if problems:
        raise ViewInvalid("Some fields are not acceptable.", errors=problems)
    view, _ = SavedView.objects.update_or_create(
        tenant_id=scope.require(),
        user_id=user_id,
        page=page,
        name=name,
        defaults={"query": query, "shared": shared},
    )
    return view


def delete_view(*, user_id: uuid.UUID, view_id: uuid.UUID) -> SavedView:
    """Delete one's own view and return what it was; raises ViewNotFound."""
    found = SavedView.objects.filter(tenant_id=scope.require(), user_id=user_id, id=view_id).first()
    if found is None:
        raise ViewNotFound("The view was deleted, or it is somebody else's.")
    found.delete()
    return found
