"""Keys: shown once, kept as a hash, ended within seconds, usable from no other organization."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError

from decisionos.kernel import clock, errors
from decisionos.kernel.tenants import scope
from tenancy.identity import keys, services
from tenancy.identity.models import ApiKey, User
from tests.tenancy import cast

pytestmark = pytest.mark.django_db
NOW = clock.now()


class TestIssue:
    """A new key."""

    def test_has_the_product_form_and_is_not_stored(self) -> None:
        one = cast.actor()
        head, prefix, secret = one.raw.split("_", 2)
        assert (head, len(prefix), len(secret)) == ("dos", 8, 43)
        stored = {str(value) for value in one.key.__dict__.values()}
        assert not any(secret in value for value in stored)
        assert one.key.secret_hash == keys.hash_secret(one.raw)

    def test_is_recorded_without_its_secret(self) -> None:
        assert "access.key_issued" in cast.actor().kinds()

    def test_needs_a_name_and_a_future_end(self) -> None:
        with scope.tenant_scope(cast.organization().id):
            with pytest.raises(errors.Invalid):
                keys.issue_key(name=" ", role="agent")
            with pytest.raises(errors.Invalid):
                keys.issue_key(name="k", role="agent", expires_at=clock.now() - timedelta(seconds=1))


class TestAuthenticate:
    """Recognising a key before any organization is known."""

    def test_finds_the_organization(self) -> None:
        one = cast.actor()
        known = keys.authenticate_key(one.raw)
        assert (known.tenant_id, known.tenant_slug, known.role) == (one.organization.id, "acme", "owner")

    def test_sees_a_revocation_at_once_where_it_was_made_and_soon_elsewhere(self) -> None:
        one = cast.actor()
        keys.authenticate_key(one.raw)
        with scope.tenant_scope(one.organization.id):
            keys.revoke_key(key_id=one.key.id)
        with pytest.raises(keys.KeyUnknown):
            keys.authenticate_key(one.raw)
        assert keys.REMEMBERED_SECONDS <= 5

    def test_refuses_at_the_very_moment_of_expiry(self) -> None:
        end = NOW + timedelta(days=1)
        one = cast.actor("agent", expires_at=end)
        assert keys.authenticate_key(one.raw, now=end - timedelta(microseconds=1)).role == "agent"
        with pytest.raises(keys.KeyUnknown):
            keys.authenticate_key(one.raw, now=end)

    def test_shows_no_key_to_a_plain_query_without_a_tenant(self) -> None:
        cast.actor()
        assert ApiKey.objects.count() == 0


class TestUse:
    """Noting that a key was used."""

    def test_is_written_once_a_minute(self) -> None:
        one = cast.actor()
        known = keys.authenticate_key(one.raw)
        with scope.tenant_scope(one.organization.id):
            keys.note_use(known, now=NOW)
            keys.note_use(known, now=NOW + timedelta(seconds=30))
            assert ApiKey.objects.get(id=one.key.id).last_used_at == NOW


class TestPeople:
    """People sign in by e-mail."""

    def test_are_found_whatever_the_case(self) -> None:
        made = services.create_user(email="Ann@Example.com", password="correct horse battery")
        assert User.objects.get_by_natural_key("ann@EXAMPLE.com") == made
        assert made.password.startswith("argon2")

    def test_share_no_address(self) -> None:
        services.create_user(email="ann@example.com", password="correct horse battery")
        with pytest.raises(services.EmailTaken):
            services.create_user(email="ANN@example.com", password="correct horse battery")

    @pytest.mark.parametrize(("email", "password"), [("ann", "correct horse battery"), ("a@b.co", "short")])
    def test_need_an_address_and_a_strong_password(self, email: str, password: str) -> None:
        with pytest.raises(errors.Invalid):
            services.create_user(email=email, password=password)

    def test_belong_once_and_are_listed_without_a_tenant(self) -> None:
        person = services.create_user(email="ann@example.com", password="correct horse battery")
        organization = cast.organization()
        with scope.tenant_scope(organization.id):
            assert services.add_member(user=person) == services.add_member(user=person)
        found = [(row.tenant_id, row.slug, row.is_active) for row in services.list_belongings(person.id)]
        assert found == [(organization.id, "acme", True)]


def test_two_keys_never_share_a_prefix() -> None:
    one = cast.actor()
    with scope.tenant_scope(one.organization.id), pytest.raises(IntegrityError):
        ApiKey.objects.create(name="twin", prefix=one.key.prefix, secret_hash="x", role="agent")
