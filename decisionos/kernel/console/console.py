"""The groups of the navigation, and what the shell itself has to say."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from decisionos.kernel.console import registry
from decisionos.kernel.tenants import middleware

registry.domain("decide", "", order=10)
registry.domain("review", _("Review"), order=20)
registry.domain("prove", _("Prove"), order=30)
registry.domain("account", _("Account"), order=40)
registry.domain("learn", _("Learn"), order=50)

# Switching reads several organizations, one after the other.
middleware.leave_out("/console/places")


def _is_read_only() -> bool:
    known = cache.get("console:read_only")
    if known is None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('transaction_read_only') = 'on' OR pg_is_in_recovery()")
            known = bool(cursor.fetchone()[0])
        cache.set("console:read_only", known, 5)
    return bool(known)


def find_notices(request: HttpRequest) -> Iterator[registry.Notice]:
    """Yield what the whole installation should know."""
    if settings.DOS_MAINTENANCE:
        yield registry.Notice("warn", settings.DOS_MAINTENANCE)
    if _is_read_only():
        yield registry.Notice(
            "warn",
            _("The database is read-only at the moment. You can look at everything; changes are refused."),
        )


registry.notice("installation", find_notices)
