"""Every refusal leaves a trace: in the audit log always, in the ledger where the organization is known.

Heard after the refused request's own transaction was rolled back. Writing the trace may fail without
changing the refusal; it then stands in the error log.
"""

from __future__ import annotations

import logging

from django.db import Error
from rest_framework.request import Request

from decisionos.kernel import clock, correlation, errors
from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.tenants import scope
from decisionos.kernel.web import addresses
from tenancy.access import authentication
from tenancy.access import services as access
from tenancy.access.enums import SubjectKind
from tenancy.identity import keys, tokens

_audit = logging.getLogger("decisionos.audit")
_log = logging.getLogger("decisionos.error")


def _known_behind(request: Request) -> keys.KnownKey | None:
    """Return the key of a request that was refused before its subject was set, or None for a bad one."""
    credential = authentication._credential(request._request)
    try:
        if credential.startswith("dos_"):
            return keys.authenticate_key(credential)
        return tokens.authenticate_token(credential, now=clock.now()) if credential else None
    except errors.Unauthenticated:
        return None


def _subject(request: Request) -> access.Subject | None:
    found: access.Subject | None = getattr(request._request, "subject", None)
    if found is not None:
        return found
    known = _known_behind(request)
    if known is None:
        return None
    return access.Subject(kind=SubjectKind.KEY, id=known.id, tenant_id=known.tenant_id, role=known.role)


def note_denial(request: Request, error: errors.DosError) -> None:
    """Note a refusal with 401 or 403."""
    try:
        subject = _subject(request)
        what = {
            "code": error.code,
            "method": request.method or "",
            "route": getattr(request._request.resolver_match, "route", "") or "",
            "permission": str(error.extra.get("permission", "")),
        }
        address = str(addresses.client_address(request._request))
        actor = subject.actor if subject else "nobody"
        extra = {**what, "actor": actor, "address": address, "corr_id": correlation.current()}
        _audit.info("access denied", extra=extra)
        if subject is None:
            return
        with scope.tenant_scope(subject.tenant_id):
            ledger.append(
                kind="access.denied",
                payload={**what, "address": address},
                subject_type="subject",
                subject_id=str(subject.id),
                actor=actor,
            )
    except (Error, errors.DosError) as failure:
        _log.error("a denial could not be recorded: %s", failure)
