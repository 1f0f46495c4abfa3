"""How a command ends: the exit codes and the one exception that carries them."""

from __future__ import annotations

from typing import Any

DONE, POLICY, PERMISSION, INPUT, INFRASTRUCTURE = 0, 2, 3, 4, 5

# Refusals that a permission would not change: the request stands against a policy of the organization.
POLICY_CODES = frozenset(
    {
        "consent_required",
        "consent_missing",
        "purpose_not_allowed",
        "residency_refused",
        "quota_exceeded",
        "budget_exceeded",
        "address_refused",
        "policy_refused",
        "tenant_suspended",
        "organization_suspended",
    }
)


class Stop(Exception):
    """Ends a command with a message and an exit code; ``problem`` is what the server said."""

    def __init__(self, message: str, code: int, *, problem: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.problem = problem or {}


def code_of(status: int, problem_code: str = "") -> int:
    """Return the exit code that an HTTP status means."""
    if status < 400:
        return DONE
    if status == 429 or problem_code in POLICY_CODES:
        return POLICY
    if status in {401, 403}:
        return PERMISSION
    return INPUT if status < 500 else INFRASTRUCTURE
