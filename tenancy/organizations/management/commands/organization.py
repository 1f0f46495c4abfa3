"""The operator's own door to organizations: the way back in where every other door refuses."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from decisionos.kernel import errors
from decisionos.kernel.ledger import acting
from decisionos.kernel.tenants import scope
from tenancy.organizations import services
from tenancy.organizations.enums import OrganizationStatus
from tenancy.organizations.models import Organization

_STATUS = {"suspend": OrganizationStatus.SUSPENDED, "activate": OrganizationStatus.ACTIVE}


class Command(BaseCommand):
    """Suspend or reactivate an organization; the reason goes to its ledger."""

    help = "Suspend or reactivate an organization, with a reason that goes to its ledger."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the act, the organization and why."""
        parser.add_argument("act", choices=sorted(_STATUS))
        parser.add_argument("slug")
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        """Change the status."""
        found = Organization.objects.using("platform").filter(slug=options["slug"]).first()
        if found is None:
            raise CommandError(f"There is no organization {options['slug']!r}.")
        try:
            with scope.tenant_scope(found.id), acting.acting("operator"):
                changed = services.set_status(status=_STATUS[options["act"]], reason=options["reason"])
        except errors.DosError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"{changed.slug}: {changed.status}")
