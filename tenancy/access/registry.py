"""Every permission and every role, as data. The matrix of gate N; the three tiers of gate A are in it.

``admin``, ``agent`` and ``auditor`` are the three tiers; the rest refine them. ``keys.rotate`` needs two
people and is therefore in no role alone except through an approved request.
"""

from __future__ import annotations

PERMISSIONS: dict[str, str] = {
    "tenant.admin": "change the organization's configuration",
    "org.manage": "manage the organization and its members",
    "project.manage": "manage projects and environments",
    "policy.read": "read contracts, rules and packs",
    "policy.write": "change contracts and rules",
    "hitl.approve": "decide what waits for a person",
    "vault.seal": "put personal data into the vault",
    "vault.unseal": "take personal data out of the vault",
    "sampling.admin": "change sampling",
    "canary.manage": "steer rollouts",
    "packs.enable": "import and activate packs",
    "billing.read": "read usage and invoices",
    "billing.manage": "change plans and payment",
    "analytics.read": "read analyses and backtests",
    "keys.rotate": "rotate signing keys (two people)",
    "keys.manage": "issue and revoke API keys",
    "decision.create": "decide",
    "decision.simulate": "simulate without storing",
    "decision.read": "read and explain decisions",
    "decision.read_input": "read what a decision was made on, unmasked",
    "decision.export": "export decisions as CSV or JSON lines",
    "ledger.read": "read and verify the ledger",
    "ledger.export": "export the ledger",
    "consent.read": "read consents",
    "consent.manage": "grant and revoke consents",
    "audit.read": "read the audit trail",
    "rbac.read": "read roles and grants",
    "rbac.manage": "grant and revoke roles",
}

_READ = {
    "policy.read",
    "analytics.read",
    "billing.read",
    "decision.read",
    "ledger.read",
    "consent.read",
    "rbac.read",
}

# What concerns an organization as a whole: no key that is bound to one project reaches it.
ORGANIZATION_WIDE = frozenset(
    {
        "tenant.admin",
        "org.manage",
        "billing.read",
        "billing.manage",
        "keys.rotate",
        "ledger.read",
        "ledger.export",
        "consent.read",
        "consent.manage",
        "audit.read",
    }
)

ROLES: dict[str, frozenset[str]] = {
    "owner": frozenset(PERMISSIONS) - {"keys.rotate"},
    "admin": frozenset(
        {
            "tenant.admin",
            "org.manage",
            "project.manage",
            "policy.read",
            "policy.write",
            "analytics.read",
            "packs.enable",
            "billing.read",
            "keys.manage",
            "decision.create",
            "decision.simulate",
            "decision.read",
            "decision.read_input",
            "decision.export",
            "ledger.read",
            "ledger.export",
            "consent.read",
            "consent.manage",
            "audit.read",
            "rbac.read",
            "rbac.manage",
        }
    ),
    "security_admin": frozenset(
        {
            "policy.read",
            "policy.write",
            "vault.seal",
            "vault.unseal",
            "sampling.admin",
            "canary.manage",
            "keys.rotate",
            "keys.manage",
            "audit.read",
            "rbac.read",
            "ledger.read",
        }
    ),
    "billing_admin": frozenset({"billing.read", "billing.manage"}),
    "project_admin": frozenset(
        {
            "project.manage",
            "policy.read",
            "policy.write",
            "packs.enable",
            "analytics.read",
            "decision.read",
            "decision.simulate",
        }
    ),
    "agent": frozenset(
        {"decision.create", "decision.simulate", "consent.read", "consent.manage", "policy.read"}
    ),
    "reviewer": frozenset({"hitl.approve", "policy.read", "decision.read"}),
    "auditor": frozenset(_READ | {"audit.read", "decision.export", "ledger.export"}),
    "read_only": frozenset(_READ),
}


def permissions_of(role: str) -> frozenset[str]:
    """Return the permissions of a role; an unknown role has none."""
    return ROLES.get(role, frozenset())
