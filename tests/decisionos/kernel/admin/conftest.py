"""Two organizations with rows of every kind, and the people who look at them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from decisionos.kernel.tenants import scope
from tenancy.access import services as access
from tenancy.identity import services as identity
from tenancy.identity.models import User
from tests.conftest import _empty_tables
from tests.isolation import world


@pytest.fixture(scope="module")
def houses(django_db_setup: None, django_db_blocker: Any) -> Iterator[list[world.House]]:
    """Two organizations with rows of every kind, committed."""
    with world.standing(django_db_blocker, _empty_tables, "northwind", "southridge") as found:
        yield found


@pytest.fixture
def _open(houses: list[world.House], django_db_blocker: Any) -> Iterator[None]:
    """Let one test reach the database, whose rows stay for the next one."""
    cache.clear()
    with django_db_blocker.unblock():
        yield


def person(email: str, *, of: world.House | None = None, role: str = "", staff: bool = True) -> User:
    """Return somebody, made where they are missing: a member with a role, platform staff without one."""
    found = User.objects.filter(email=email).first()
    if found is None:
        found = identity.create_user(
            email=email, password="a long passphrase", name=email, is_staff=staff, is_superuser=staff
        )
        if of is not None:
            with scope.tenant_scope(of.tenant):
                identity.add_member(user=found)
                if role:
                    access.grant(subject_kind="user", subject_id=found.id, role=role, granted_by="setup")
    return found


def signed_in(user: User) -> Client:
    """Return a browser of somebody who is signed in."""
    client = Client(raise_request_exception=True)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def owner(houses: list[world.House], _open: None) -> Client:
    """Return the browser of the first organization's owner, who is staff."""
    return signed_in(person("owner@northwind.example", of=houses[0], role="owner"))


@pytest.fixture
def platform(houses: list[world.House], _open: None) -> Client:
    """Return the browser of platform staff who belong to no organization."""
    return signed_in(person("staff@platform.example"))
