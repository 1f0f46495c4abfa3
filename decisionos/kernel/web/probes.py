"""Probes: /healthz the process lives; /readyz it can serve (degraded parts named); /livez it may write.

Other parts add their own checks; a check that is only degraded does not take the service out.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import Error, connection
from django.http import HttpRequest, JsonResponse

Check = Callable[[], str | None]
_degraded_checks: dict[str, Check] = {}


def add_check(name: str, check: Check) -> None:
    """Register a check that returns None when well, or what is degraded."""
    _degraded_checks[name] = check


def find_degraded() -> dict[str, str]:
    """Return which parts are degraded, and how."""
    return {name: found for name, check in _degraded_checks.items() if (found := check())}


def healthz(request: HttpRequest) -> JsonResponse:
    """Answer that the process runs."""
    return JsonResponse({"status": "ok"})


def _database(statement: str) -> str | None:
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            cursor.fetchone()
    except Error as error:
        return str(error).strip().splitlines()[0] if str(error) else "no answer"
    return None


def readyz(request: HttpRequest) -> JsonResponse:
    """Answer whether requests can be served, naming what is degraded."""
    failure = _database("SELECT 1")
    if failure:
        return JsonResponse({"status": "unavailable", "database": failure}, status=503)
    degraded = find_degraded()
    return JsonResponse({"status": "degraded" if degraded else "ok", "degraded": degraded})


def livez(request: HttpRequest) -> JsonResponse:
    """Answer whether writing is allowed: the database is reachable and not read-only."""
    failure = _database("SELECT 1 / (1 - (current_setting('transaction_read_only') = 'on')::int)")
    if failure:
        return JsonResponse({"status": "unavailable", "database": failure}, status=503)
    return JsonResponse({"status": "ok"})
