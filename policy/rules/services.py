"""Save ruleset versions and lint them."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from decisionos.kernel import errors
from decisionos.kernel.ledger import services as ledger
from policy.rules import rulesets
from policy.rules.models import RulesetVersion


class RulesetVersionConflict(errors.Conflict):
    """This version was saved before, with other content."""

    code = "ruleset_version_conflict"
    title = "The version is taken"


@transaction.atomic
def save_ruleset_version(*, source: str, version: str, created_by: str = "") -> RulesetVersion:
    """Store one version of a ruleset. Safe to retry: the same content returns the stored row.

    Raises DocumentInvalid naming what is wrong, RulesetVersionConflict. Whether the conditions fit an input
    is asked when a contract names the ruleset.
    """
    ruleset = rulesets.loads(source)
    digest = ruleset.digest()
    present = RulesetVersion.objects.filter(name=ruleset.name, version=version).first()
    if present is not None:
        if present.digest != digest:
            raise RulesetVersionConflict(f"{ruleset.name} {version} was saved with other content.")
        return present
    row = RulesetVersion.objects.create(
        name=ruleset.name, version=version, source=source, digest=digest, created_by=created_by
    )
    payload: dict[str, Any] = {"name": row.name, "version": version, "digest": digest, "actor": created_by}
    ledger.append(kind="ruleset.saved", payload=payload, subject_type="ruleset", subject_id=row.name)
    return row
