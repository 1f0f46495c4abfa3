"""Links under which a report can be read without signing in, for a while.

What must stay true: a link opens one report and nothing else, ends by itself, and ends at once when its
organization says so (by a new key of the row); a link that was changed, is too old or was ended looks like
one that never was. A report holds counts, rule names and row numbers, and no value of a row.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import timedelta

from django.core import signing

from decisionos.kernel import errors
from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.tenants import scope
from policy.decisions import selectors
from policy.decisions.models import Backtest

SALT = "policy.decisions.backtests.share"
LONGEST = timedelta(days=30)


class LinkInvalid(errors.NotFound):
    """The link is not one of ours, or not any more."""

    code = "backtest_link_invalid"
    title = "This link does not open anything"


class LinkTooLong(errors.Invalid):
    """The link would live too long."""

    code = "backtest_link_too_long"
    title = "A link cannot live that long"


def share(*, backtest_id: uuid.UUID, lives: timedelta, actor: str) -> str:
    """Return a token that opens the report for a while; noted in the ledger.

    Raises BacktestNotFound, LinkTooLong. Each call gives a link of its own.
    """
    if not timedelta(minutes=1) <= lives <= LONGEST:
        raise LinkTooLong(f"A link lives from one minute to {LONGEST.days} days.")
    row = selectors.get_backtest(backtest_id=backtest_id)
    if not row.share_key:
        row.share_key = secrets.token_hex(16)
        Backtest.objects.filter(id=row.id).update(share_key=row.share_key)
    seconds = int(lives.total_seconds())
    ledger.append(
        kind="backtest.shared",
        payload={"backtest_id": str(row.id), "seconds": seconds, "actor": actor},
        subject_type="backtest",
        subject_id=str(row.id),
    )
    held = {"t": str(row.tenant_id), "b": str(row.id), "k": row.share_key, "s": seconds}
    return signing.dumps(held, salt=SALT, compress=True)


def end_links(*, backtest_id: uuid.UUID, actor: str) -> None:
    """End every link to a report. Raises BacktestNotFound."""
    row = selectors.get_backtest(backtest_id=backtest_id)
    Backtest.objects.filter(id=row.id).update(share_key="")
    ledger.append(
        kind="backtest.unshared",
        payload={"backtest_id": str(row.id), "actor": actor},
        subject_type="backtest",
        subject_id=str(row.id),
    )


def open_link(*, token: str) -> Backtest:
    """Return the evaluation that a link opens; raises LinkInvalid. Enters the tenant of the link."""
    try:
        held = signing.loads(token, salt=SALT)
        signing.loads(token, salt=SALT, max_age=int(held["s"]))
        tenant, backtest = uuid.UUID(held["t"]), uuid.UUID(held["b"])
    except (signing.BadSignature, KeyError, TypeError, ValueError) as error:
        raise LinkInvalid("The link is not valid, or its time is over.") from error
    with scope.tenant_scope(tenant):
        row = Backtest.objects.defer("upload", "flips", "bad_rows").filter(id=backtest).first()
    if row is None or not row.share_key or not secrets.compare_digest(row.share_key, str(held.get("k"))):
        raise LinkInvalid("The link is not valid, or its time is over.")
    if row.report is None:
        raise LinkInvalid("The evaluation has no report.")
    return row
