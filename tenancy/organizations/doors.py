"""The base of tenancy's API views: whoever asks is the actor of every ledger entry behind the door."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request

from decisionos.kernel.ledger import acting
from decisionos.kernel.web.api import ApiView


class ActingView(ApiView):
    """A view whose handler acts in the caller's name."""

    def _act(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        subject = getattr(request._request, "subject", None)
        with acting.acting(str(getattr(subject, "actor", ""))):
            return super()._act(request, *args, **kwargs)
