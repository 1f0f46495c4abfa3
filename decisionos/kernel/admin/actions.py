"""Actions of the admin: each asks for a permission and a reason, confirms on a page of its own, is recorded.

What must stay true: nothing happens before the reason is given; the permission is asked again when it
happens; each row is done or refused by itself; what was done, to what, by whom and why is one entry of the
ledger.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.db import transaction
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from decisionos.kernel import errors
from decisionos.kernel.admin import visits
from decisionos.kernel.console import context, pages, questions
from decisionos.kernel.idempotency import services as idempotency
from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.tenants import scope

MOST_ROWS = 200
CONFIRMED = "confirmed"
Act = Callable[[Any, HttpRequest, Any], Any]
Decorator = Callable[[Act], Act]


@dataclass(frozen=True, slots=True)
class Reasoned:
    """What is known of an action."""

    name: str
    label: Any
    consequence: Any
    permission: str
    is_dangerous: bool


def may(request: HttpRequest, permission: str) -> bool:
    """Return whether the person may act: by their grants here, or as platform staff during a visit."""
    if getattr(request, "platform_visit", None) is not None:
        return visits.is_platform_staff(request)
    return permission in context.shell_of(request).allowed


def _authorize(request: HttpRequest, permission: str) -> None:
    if getattr(request, "platform_visit", None) is not None:
        if not visits.is_platform_staff(request):
            raise visits.VisitRefused()
        return
    if getattr(request, "subject", None) is None:
        raise scope.TenantRequired(_("Choose an organization first."))
    questions.door().authorize(request, permission)


def reasoned(*, label: Any, consequence: Any, permission: str, is_dangerous: bool = False) -> Decorator:
    """Make an action of a function that does one row: ``act(model_admin, request, row)``.

    ``consequence`` says on the confirming page what will have happened. The function calls a service, finds
    the row by its id, and raises a refusal where the row does not allow it; ``request.reason`` is what was
    given. A permission that no role has, such as ``platform``, leaves the action to visits.
    """

    def decorate(act: Act) -> Act:
        told = Reasoned(act.__name__, label, consequence, permission, is_dangerous)

        @admin.action(description=label)
        @functools.wraps(act)
        def action(shown: Any, request: HttpRequest, queryset: Any) -> Any:
            return _run(shown, request, queryset, act, told)

        action.reasoned = told  # type: ignore[attr-defined]
        return action

    return decorate


def _run(shown: Any, request: HttpRequest, queryset: Any, act: Act, told: Reasoned) -> Any:
    _authorize(request, told.permission)
    rows = list(queryset[: MOST_ROWS + 1])
    if len(rows) > MOST_ROWS:
        shown.message_user(
            request,
            _("At most %(most)d rows at once. Choose fewer.") % {"most": MOST_ROWS},
            messages.ERROR,
        )
        return None
    if request.POST.get(CONFIRMED) != "1":
        return _ask(shown, request, rows, told)
    try:
        reason = request.reason = visits.clean_reason(request.POST.get("reason", ""))  # type: ignore[attr-defined]
    except visits.VisitInvalid as error:
        return _ask(shown, request, rows, told, wrong=error.detail, status=422)
    with visits.writing(request):
        if _is_again(request):
            return None
        _do(shown, request, rows, act, told, reason)
    return None


def _is_again(request: HttpRequest) -> bool:
    """Return whether the same form was sent before: its effect is there already."""
    token = request.POST.get(pages.TOKEN, "")
    if not token:
        raise errors.BadRequest(_("The form has no token. Reload the page and send it again."))
    key = f"admin:{request.user.pk}:{token}"[: idempotency.MOST_CHARACTERS]
    stored = idempotency.begin(key=key, fingerprint=idempotency.fingerprint(request.path, token.encode()))
    if stored is None:
        idempotency.finish(key=key, status=303, body={})
    return stored is not None


def _do(shown: Any, request: HttpRequest, rows: list[Any], act: Act, told: Reasoned, reason: str) -> None:
    done: list[str] = []
    refused: list[dict[str, str]] = []
    for row in rows:
        try:
            with transaction.atomic():
                act(shown, request, row)
        except errors.DosError as error:
            refused.append({"id": str(row.pk), "code": error.code})
            text = f"{row}: {error.detail or error.title}"
            shown.message_user(request, text, messages.WARNING)
        else:
            done.append(str(row.pk))
    model = shown.model._meta.label_lower
    ledger.append(
        kind="admin.action_taken",
        payload={
            "action": told.name,
            "model": model,
            "done": done,
            "refused": refused,
            "reason": reason,
            "permission": told.permission,
        },
        subject_type=shown.model._meta.model_name,
        subject_id=str(rows[0].pk) if len(rows) == 1 else "",
    )
    if done:
        text = ngettext(
            "%(label)s: done for %(count)d row.", "%(label)s: done for %(count)d rows.", len(done)
        )
        shown.message_user(request, text % {"label": told.label, "count": len(done)}, messages.SUCCESS)


def _ask(
    shown: Any,
    request: HttpRequest,
    rows: list[Any],
    told: Reasoned,
    *,
    wrong: str = "",
    status: int = 200,
) -> TemplateResponse:
    """Return the page that says what will happen and asks why."""
    values = {
        **shown.admin_site.each_context(request),
        "title": told.label,
        "opts": shown.opts,
        "told": told,
        "rows": rows,
        "count": len(rows),
        "wrong": wrong,
        "reason": request.POST.get("reason", ""),
        "least": visits.LEAST_REASON,
        "most": visits.MOST_REASON,
        "box": helpers.ACTION_CHECKBOX_NAME,
        "back": request.get_full_path(),
    }
    return TemplateResponse(request, "admin/act.html", values, status=status)


def of(shown: Any, request: HttpRequest) -> list[Reasoned]:
    """Return the actions of a record's page that the person may take."""
    found = []
    for name in shown.actions or ():
        told = getattr(getattr(shown, name, name), "reasoned", None)
        if told is not None and may(request, told.permission):
            found.append(told)
    return found
