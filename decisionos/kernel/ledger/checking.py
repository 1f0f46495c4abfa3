"""Check one entry: its content, its place, its path to the signed root, and the signature, step by step.

What must stay true: each step is computed from what is stored now, none is taken from an earlier answer; a
step that cannot be taken counts as failed.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import uuid
from dataclasses import dataclass

from django.utils.translation import gettext as _

from decisionos.kernel import canonical, errors
from decisionos.kernel.keys import services as keys
from decisionos.kernel.ledger import proofs, rules
from decisionos.kernel.ledger.models import Entry, Seal
from decisionos.kernel.tenants import scope


class EntryNotFound(errors.NotFound):
    """There is no such entry in this organization's ledger."""

    code = "ledger_entry_not_found"
    title = "No such ledger entry"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was checked."""

    name: str
    holds: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check of an entry found; without a proof the entry waits for its seal."""

    entry: Entry
    steps: list[Step]
    proof: proofs.InclusionProof | None = None

    @property
    def is_sealed(self) -> bool:
        """Return whether the entry has a place in the chain."""
        return self.proof is not None

    @property
    def holds(self) -> bool:
        """Return whether every step holds."""
        return all(step.holds for step in self.steps)


def get_entry(entry_id: uuid.UUID) -> Entry:
    """Return one entry with its seal; raises EntryNotFound."""
    rows = Entry.objects.filter(tenant_id=scope.require()).select_related("seal")
    found = rows.filter(id=entry_id).first()
    if found is None:
        raise EntryNotFound("No such entry in this organization's ledger.")
    return found


def seal_of(entry: Entry) -> Seal | None:
    """Return an entry's place in the chain, or None."""
    try:
        return entry.seal  # type: ignore[no-any-return]
    except Seal.DoesNotExist:
        return None


def digest_of(entry: Entry) -> str:
    """Return the digest of an entry as it is stored now."""
    return canonical.digest(
        rules.record(
            entry_id=entry.id,
            tenant_id=entry.tenant_id,
            occurred_at=rules.instant(entry.occurred_at),
            kind=entry.kind,
            subject_type=entry.subject_type,
            subject_id=entry.subject_id,
            actor=entry.actor,
            corr_id=entry.corr_id,
            payload=entry.payload,
        )
    )


def check_entry(entry_id: uuid.UUID) -> Checked:
    """Check an entry; raises EntryNotFound."""
    entry = get_entry(entry_id)
    digest = digest_of(entry)
    steps = [Step(_("The content is what its digest covers"), digest == entry.digest, entry.digest)]
    seal = seal_of(entry)
    if seal is None:
        return Checked(entry, steps)
    linked = rules.chain(seal.prev, entry.digest) == seal.curr
    steps.append(Step(_("The link to the entry before it is right") + f" · #{seal.seq}", linked, seal.curr))
    try:
        proof = proofs.prove_entry(entry_id)
    except errors.DosError as error:
        steps.append(Step(_("A signed checkpoint covers the entry"), False, error.detail))
        return Checked(entry, steps)
    signed = proof.checkpoint
    steps.append(
        Step(
            _("Its path of %(count)s hashes leads to the signed root") % {"count": len(proof.path)},
            proof.holds() and proof.digest == digest,
            signed.root,
        )
    )
    steps.append(
        Step(_("The root is signed by the key %(kid)s") % {"kid": signed.kid}, _is_signed(proof), signed.time)
    )
    return Checked(entry, steps, proof)


def _is_signed(proof: proofs.InclusionProof) -> bool:
    signed = proof.checkpoint
    public = {key.kid: key.raw for key in keys.public_keys(rules.PURPOSE)}.get(signed.kid, b"")
    try:
        signature = base64.b64decode(signed.signature, validate=True)
        moment = datetime.datetime.fromisoformat(signed.time)
    except (binascii.Error, ValueError):
        return False
    statement = rules.checkpoint_statement(
        tenant_id=signed.tenant, size=signed.size, root=signed.root, head=signed.head, created_at=moment
    )
    return keys.has_signed(public, statement, signature)
