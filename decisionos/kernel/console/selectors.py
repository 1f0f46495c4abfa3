"""Reads of saved views."""

from __future__ import annotations

import uuid

from django.db import models

from decisionos.kernel import errors
from decisionos.kernel.console.models import SavedView
from decisionos.kernel.tenants import scope


class ViewNotFound(errors.NotFound):
    """There is no such view, or it is somebody else's."""

    code = "view_not_found"
    title = "No such view"


def list_views(*, user_id: uuid.UUID, page: str) -> models.QuerySet[SavedView]:
    """Return a person's views of a page and those shared with everybody."""
    mine = models.Q(user_id=user_id) | models.Q(shared=True)
    return SavedView.objects.filter(mine, tenant_id=scope.require(), page=page).order_by("name", "id")


def get_view(*, user_id: uuid.UUID, view_id: uuid.UUID) -> SavedView:
    """Return one view; raises ViewNotFound."""
    mine = models.Q(user_id=user_id) | models.Q(shared=True)
    found = SavedView.objects.filter(mine, tenant_id=scope.require(), id=view_id).first()
    if found is None:
        raise ViewNotFound("The view was deleted, or it is somebody else's.")
    return found
