"""Drafts: what an author writes is kept at once, and never lost to another window or another person.

What must stay true: a save names the revision that it started from; when another save came between, nothing
is overwritten and the refusal carries both texts and a merged proposal. Saving the same text again changes
nothing, so a save may be repeated.
"""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from decisionos.kernel import errors
from policy.rules import documents, merging, selectors
from policy.rules.models import RulesetDraft, RulesetDraftText

KEPT_TEXTS = 30


class DraftConflict(errors.Conflict):
    """The draft was saved from elsewhere since this text was opened."""

    code = "draft_conflict"
    title = "The draft was changed elsewhere"


class DraftNotFound(errors.NotFound):
    """There is no such draft."""

    code = "draft_not_found"
    title = "There is no such draft"


def find_draft(*, contract: str, ruleset: str, author: str) -> RulesetDraft | None:
    """Return an author's draft, or None."""
    return RulesetDraft.objects.filter(ruleset=ruleset, contract=contract, author=author).first()


def list_drafts(*, ruleset: str = "", author: str = "") -> QuerySet[RulesetDraft]:
    """Return drafts, the newest first, without their texts."""
    found = RulesetDraft.objects.defer("text").order_by("-saved_at")
    found = found.filter(ruleset=ruleset) if ruleset else found
    return found.filter(author=author) if author else found


def get_draft(*, draft_id: uuid.UUID) -> RulesetDraft:
    """Return a draft of anybody in the organization; raises DraftNotFound."""
    found = RulesetDraft.objects.filter(id=draft_id).first()
    if found is None:
        raise DraftNotFound(f"There is no draft {draft_id}.")
    return found


@transaction.atomic
def save_draft(
    *,
    contract: str,
    ruleset: str,
    author: str,
    text: str,
    base_version: str,
    revision: int,
    now: datetime.datetime,
) -> RulesetDraft:
    """Keep a text under the next revision. Raises DraftConflict, TooLarge. Safe to repeat."""
    if len(text.encode()) > documents.MAX_BYTES:
        raise errors.TooLarge(f"A draft may have {documents.MAX_BYTES} bytes.")
    found = RulesetDraft.objects.select_for_update()
    row = found.filter(ruleset=ruleset, contract=contract, author=author).first()
    if row is None:
        row = _create(contract, ruleset, author, text, base_version, revision, now)
        if row is not None:
            return row
        row = found.get(ruleset=ruleset, contract=contract, author=author)
    if row.text == text and row.base_version == base_version:
        return row
    if row.revision != revision:
        raise _conflict(row, text, base_version, revision)
    row.text, row.base_version, row.saved_at = text, base_version, now
    row.revision += 1
    row.save(update_fields=["text", "base_version", "saved_at", "revision"])
    _keep(row)
    return row


def _create(
    contract: str,
    ruleset: str,
    author: str,
    text: str,
    base_version: str,
    revision: int,
    now: datetime.datetime,
) -> RulesetDraft | None:
    """Return the new draft; None where another save was first."""
    try:
        with transaction.atomic():
            row = RulesetDraft.objects.create(
                contract=contract,
                ruleset=ruleset,
                author=author,
                text=text,
                base_version=base_version,
                # A draft that was discarded in another window starts again behind what this one knew.
                revision=revision + 1,
                created_at=now,
                saved_at=now,
            )
    except IntegrityError:
        return None
    _keep(row)
    return row


def _keep(row: RulesetDraft) -> None:
    RulesetDraftText.objects.create(draft=row, revision=row.revision, text=row.text, saved_at=row.saved_at)
    old = RulesetDraftText.objects.filter(draft=row, revision__lte=row.revision - KEPT_TEXTS)
    old.delete()


def _conflict(row: RulesetDraft, text: str, base_version: str, revision: int) -> DraftConflict:
    known = RulesetDraftText.objects.filter(draft=row, revision=revision).values_list("text", flat=True)
    base = known.first()
    if base is None:
        base = selectors.source_of(name=row.ruleset, version=base_version)
    merged = merging.merge(base=base, mine=text, theirs=row.text)
    return DraftConflict(
        "Another window saved this draft. Both texts are here; nothing was overwritten.",
        extra={
            "stored": as_json(row, text=True),
            "given": {"text": text, "base_version": base_version, "revision": revision},
            "merge": merged.as_dict(),
        },
    )


@transaction.atomic
def discard_draft(*, contract: str, ruleset: str, author: str) -> bool:
    """Remove an author's draft; returns whether there was one. Safe to repeat."""
    found = RulesetDraft.objects.filter(ruleset=ruleset, contract=contract, author=author)
    # A save on its way holds the row and has a text that is not to be seen yet: wait for it, then take both.
    rows = list(found.select_for_update().values_list("id", flat=True))
    RulesetDraftText.objects.filter(draft_id__in=rows).delete()
    RulesetDraft.objects.filter(id__in=rows).delete()
    return bool(rows)


def as_json(row: RulesetDraft, *, text: bool = False) -> dict[str, Any]:
    """Return a draft as the API shows it."""
    shown = {
        "id": str(row.id),
        "ruleset": row.ruleset,
        "contract": row.contract,
        "author": row.author,
        "base_version": row.base_version,
        "revision": row.revision,
        "created_at": row.created_at.isoformat(),
        "saved_at": row.saved_at.isoformat(),
    }
    return {**shown, "text": row.text} if text else shown
