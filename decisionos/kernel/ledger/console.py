"""What the ledger enters into the console: its page, a broken chain as a matter of attention, its work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from decisionos.kernel import clock
from decisionos.kernel.console import registry
from decisionos.kernel.ledger import verifications
from decisionos.kernel.ledger.enums import RunState

SHOWN_FOR = timedelta(minutes=5)

registry.nav(
    domain="prove",
    name="ledger",
    label=gettext_lazy("Ledger"),
    url_name="ledger",
    icon="ledger",
    key="g l",
    permission="ledger.read",
    order=10,
)


def find_attention(request: HttpRequest) -> Iterator[registry.Attention]:
    """Yield a warning where the newest finished verification found the chain broken."""
    runs = verifications.list_runs().filter(state__in=[RunState.DONE, RunState.FAILED])
    run = runs.first()
    if run is None or (run.state == RunState.DONE and run.is_valid):
        return
    broken = run.result.get("first_broken") or {}
    cause = broken.get("detail") or (run.result.get("problems") or [run.error])[0]
    title = _("The ledger did not pass its verification") if run.state == RunState.DONE else ""
    yield registry.Attention(
        level="bad",
        title=title or _("A verification of the ledger did not finish"),
        cause=cause,
        next_label=_("Look"),
        next_url=reverse("ledger-runs"),
    )


def find_work(request: HttpRequest) -> Iterator[registry.Work]:
    """Yield the verification at work, and the one that ended lately."""
    run = verifications.list_runs().first()
    if run is None:
        return
    now = clock.now()
    if run.is_finished and (run.finished_at is None or now - run.finished_at > SHOWN_FOR):
        return
    if not run.is_finished and now - run.updated_at > verifications.LONGEST_SILENCE:
        return
    detail = ""
    if run.state == RunState.DONE:
        detail = _("The chain is whole") if run.is_valid else _("The chain is broken")
    yield registry.Work(
        label=_("Verification of the ledger"),
        state="failed" if run.state == RunState.DONE and not run.is_valid else str(run.state),
        percent=run.percent if run.state == RunState.RUNNING else None,
        url=reverse("ledger-runs"),
        detail=detail,
    )


registry.attention("ledger", find_attention, permission="ledger.read")
registry.work("ledger", find_work, permission="ledger.read")
