"""The six minimum controls of the first release, as checks that run.

Each check returns what it saw, or raises ``Failed`` naming what does not hold. Any other error fails the
control too: a control that cannot be examined is not in force.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from decisionos.kernel import canonical
from decisionos.kernel.keys import services as keys
from evidence.binder import checks, people
from evidence.binder.failures import Failed

PURPOSE = "evidence"
_log = logging.getLogger("decisionos.error")


@dataclass(frozen=True, slots=True)
class Control:
    """One control: whether it holds and what shows it."""

    id: str
    title: str
    passed: bool
    evidence: str


Check = Callable[[], str]

CHECKS: tuple[tuple[str, str, Check], ...] = (
    ("1", "Encryption at rest, with a key wrapper", checks.encryption_at_rest),
    ("2", "Keys on every route, TLS outside development", checks.transport),
    ("3", "Three tiers of roles", checks.roles),
    ("4", "OAuth2 tokens, second factor optional", people.tokens),
    ("5", "Masking and restricted export", people.masking),
    ("6", "Consent, withdrawal and destruction", people.consent),
)


def run_check(identifier: str, title: str, check: Check) -> Control:
    """Run one check; whatever goes wrong in it fails the control."""
    try:
        return Control(identifier, title, True, check())
    except Failed as failed:
        return Control(identifier, title, False, str(failed))
    except Exception as error:  # noqa: BLE001  a control that cannot be examined is not in force
        _log.exception("a control could not be examined", extra={"control": identifier})
        return Control(identifier, title, False, f"could not be examined: {type(error).__name__}")


def run_checks(checks_to_run: Iterable[tuple[str, str, Check]] = CHECKS) -> list[Control]:
    """Run every check and return one row each."""
    return [run_check(*item) for item in checks_to_run]


def checklist(controls: list[Control], *, now: datetime, version: str) -> dict[str, Any]:
    """Return the rows as a signed document; it says what failed as well."""
    statement: dict[str, Any] = {
        "document": "minimum-security-controls",
        "product_version": version,
        "checked_at": now.isoformat(),
        "passed": sum(control.passed for control in controls),
        "total": len(controls),
        "controls": [asdict(control) for control in controls],
    }
    signature = keys.sign(PURPOSE, canonical.encode(statement))
    return {"statement": statement, "kid": signature.kid, "signature": signature.text()}
