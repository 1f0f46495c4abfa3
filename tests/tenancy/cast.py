"""Two organizations and their keys, made by the services that make them in life."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.test import Client

from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.tenants import scope
from tenancy.identity import keys, tokens
from tenancy.organizations import configuration, services
from tenancy.organizations.models import Organization


@dataclass(frozen=True)
class Actor:
    """An organization and one key of it."""

    organization: Organization
    key: keys.ApiKey
    raw: str

    def call(self, method: str, place: str, body: Any = None, **headers: str) -> HttpResponse:
        """Call the API under ``/api/v1``."""
        return call(method, place, body, **{"X-Api-Key": self.raw, **headers})

    def kinds(self) -> list[str]:
        """Return the kinds of the organization's ledger entries, oldest first."""
        with scope.tenant_scope(self.organization.id):
            return list(Entry.objects.order_by("id").values_list("kind", flat=True))


def call(method: str, place: str, body: Any = None, **headers: str) -> HttpResponse:
    """Call the API under ``/api/v1`` with these headers alone."""
    content = {"data": json.dumps(body), "content_type": "application/json"} if body is not None else {}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer: HttpResponse = Client().generic(method, f"/api/v1/{place}", headers=named, **content)
    return answer


def forget() -> None:
    """Drop what the process remembers of keys and addresses."""
    keys.forget()
    tokens.forget()
    configuration.forget()


def organization(slug: str = "acme") -> Organization:
    """Make an organization."""
    return services.create_organization(slug=slug, name=slug.title())


def actor(role: str = "owner", *, of: Organization | None = None, slug: str = "acme", **key: Any) -> Actor:
    """Make a key of a role, in an organization that exists or a new one."""
    forget()
    place = of or organization(slug)
    with scope.tenant_scope(place.id):
        row, raw = keys.issue_key(name=f"{role} key", role=role, **key)
    return Actor(place, row, raw)
