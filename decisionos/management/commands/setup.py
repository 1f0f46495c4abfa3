"""Prepare the database: roles, migrations, grants. Run at every start and safe to repeat."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.utils.module_loading import import_string

from decisionos.kernel.servers import database


class Command(BaseCommand):
    """Create what is missing in the configured database."""

    help = "Create roles, database, tables and grants where they are missing."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare the database step by step."""
        name = str(settings.DATABASES["default"]["NAME"])
        database.ensure_roles(settings.DOS_ADMIN_DSN, settings.DOS_ROLE_PASSWORDS)
        database.ensure_database(settings.DOS_ADMIN_DSN, name)
        database.open_schema(settings.DOS_ADMIN_DSN_OF(name))
        call_command("migrate", database="owner", verbosity=0, interactive=False)
        database.grant(
            settings.DOS_OWNER_DSN, insert_only=import_string("decisionos.kernel.ledger.INSERT_ONLY")
        )
        self.stdout.write("database ready")
