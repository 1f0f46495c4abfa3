"""Platform staff act for an organization: for a reason, for a while, on the platform's own connection.

What must stay true: only platform staff open a visit, and never without a reason; opening, closing and every
page of it stand in the organization's own ledger; while it lasts no organization is in force on the serving
connection, so whatever does not ask for the visited one's rows finds none. The kernel knows no organizations:
tenancy registers who finds them.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from decisionos.kernel import clock, errors
from decisionos.kernel.ledger import acting
from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.masking import masker
from decisionos.kernel.tenants import scope

KEY = "platform_visit"
CONNECTION = "platform"
MINUTES = (15, 30, 60)
LEAST_REASON, MOST_REASON = 10, 500
_audit = logging.getLogger("decisionos.audit")


class VisitRefused(errors.Denied):
    """Only platform staff act for organizations that they do not belong to."""

    code = "platform_visit_refused"
    title = "Not open to you"


class VisitInvalid(errors.Invalid):
    """The visit lacks its organization or its reason."""

    code = "platform_visit_invalid"
    title = "The visit cannot be opened"


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization as platform staff choose it."""

    id: uuid.UUID
    slug: str
    name: str
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class Visit:
    """Whose rows are open, why, and until when."""

    organization: Organization
    reason: str
    until: datetime.datetime


Finder = Callable[[str], list[Organization]]
_finders: list[Finder] = []


def answer_with(finder: Finder) -> None:
    """Register who finds organizations by a part of their name, slug or by their id."""
    _finders[:] = [finder]


def find_organizations(text: str) -> list[Organization]:
    """Return the organizations that fit a text, a handful."""
    return _finders[0](text) if _finders else []


def is_platform_staff(request: HttpRequest) -> bool:
    """Return whether the person may act for organizations that they do not belong to."""
    user: Any = request.user
    return bool(user.is_active and user.is_staff and user.is_superuser)


def of(request: HttpRequest) -> Visit | None:
    """Return the visit in force; one that ran out is none."""
    kept = request.session.get(KEY) if hasattr(request, "session") else None
    if not kept or not is_platform_staff(request):
        return None
    until = datetime.datetime.fromisoformat(kept["until"])
    if until <= clock.now():
        return None
    found = Organization(uuid.UUID(kept["id"]), kept["slug"], kept["name"], kept["is_active"])
    return Visit(found, kept["reason"], until)


def clean_reason(text: str) -> str:
    """Return a reason that can be kept for good, personal data masked; raises VisitInvalid."""
    reason = " ".join(text.replace("\0", "").split())
    if not LEAST_REASON <= len(reason) <= MOST_REASON:
        message = _("Say why, in %(least)d to %(most)d characters.") % {
            "least": LEAST_REASON,
            "most": MOST_REASON,
        }
        raise VisitInvalid(message, errors=[{"pointer": "/reason", "message": message}])
    return masker.mask_text(reason)


def reason_of(request: HttpRequest) -> str:
    """Return the reason that was given for the action that runs."""
    return str(getattr(request, "reason", ""))


def actor_of(request: HttpRequest) -> str:
    """Return how the ledger names platform staff."""
    return f"platform:{request.user.pk}"


def _note(request: HttpRequest, organization: Organization, kind: str, payload: dict[str, Any]) -> None:
    with scope.tenant_scope(organization.id):
        ledger.append(
            kind=kind,
            payload=payload,
            subject_type="organization",
            subject_id=str(organization.id),
            actor=actor_of(request),
        )
    _audit.info(kind, extra={**payload, "organization": organization.slug, "actor": actor_of(request)})


def open_visit(request: HttpRequest, *, organization: str, reason: str, minutes: int) -> Visit:
    """Open a visit; the one before it ends. Raises VisitRefused, VisitInvalid.

    Sent twice it leaves one more entry, nothing else.
    """
    if not is_platform_staff(request):
        raise VisitRefused(_("Only platform staff act for organizations that they do not belong to."))
    found = next((row for row in find_organizations(organization) if str(row.id) == organization), None)
    if found is None:
        message = _("Choose an organization.")
        raise VisitInvalid(message, errors=[{"pointer": "/organization", "message": message}])
    why, length = clean_reason(reason), minutes if minutes in MINUTES else MINUTES[0]
    until = clock.now() + datetime.timedelta(minutes=length)
    if of(request) is not None:
        close_visit(request)
    _note(request, found, "platform.visit_opened", {"reason": why, "minutes": length})
    request.session[KEY] = {
        "id": str(found.id),
        "slug": found.slug,
        "name": found.name,
        "is_active": found.is_active,
        "reason": why,
        "until": until.isoformat(),
    }
    return Visit(found, why, until)


def close_visit(request: HttpRequest) -> None:
    """End the visit in force. Safe to repeat."""
    visit = of(request)
    request.session.pop(KEY, None)
    if visit is not None:
        _note(request, visit.organization, "platform.visit_closed", {"reason": visit.reason})


def note_page(request: HttpRequest, visit: Visit) -> None:
    """Leave the trace of one page that was opened during a visit."""
    payload = {"path": request.path[:200], "method": request.method or "", "reason": visit.reason}
    _note(request, visit.organization, "platform.page_opened", payload)


@contextlib.contextmanager
def writing(request: HttpRequest) -> Iterator[None]:
    """Run services in the visited organization; without a visit the one in force stays."""
    visit: Visit | None = getattr(request, "platform_visit", None)
    if visit is None:
        yield
        return
    with scope.tenant_scope(visit.organization.id), acting.acting(actor_of(request)):
        yield


LEFT = gettext_lazy("The visit has ended.")
