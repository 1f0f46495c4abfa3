"""References to persons: stable through rotations, different for each organization, gone when shredded."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from decisionos.kernel import clock, encryption
from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.tenants import scope
from tenancy.privacy import references, selectors, services
from tenancy.privacy.models import ReferencePepper
from tests.tenancy import cast

NOW = clock.now()


class Abandoned(Exception):
    """The transaction is given up."""


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    references.forget()


@pytest.mark.django_db
class TestReference:
    """What a person is known by."""

    def test_is_the_same_for_the_same_person_whatever_spaces_surround_it(self) -> None:
        tenant = cast.organization().id
        first = references.reference_of(tenant, "person-17")
        references.forget()
        assert references.reference_of(tenant, " person-17 ") == first
        assert references.reference_of(tenant, "person-18") != first
        assert (len(first), "17" in first[:2] and "person" in first) == (64, False)

    def test_differs_between_organizations(self) -> None:
        one, two = cast.organization().id, cast.organization("other").id
        assert references.reference_of(one, "p") != references.reference_of(two, "p")

    @pytest.mark.requirement("B-D8")
    def test_survives_a_new_secret_key_so_that_consents_stand(self, settings: Any) -> None:
        tenant = cast.organization().id
        with scope.tenant_scope(tenant):
            services.grant_consent(subject="p", purpose="credit", now=NOW)
        settings.SECRET_KEY = "another secret of the installation, made today"
        references.forget()
        with scope.tenant_scope(tenant):
            assert selectors.has_consent(subject="p", purpose="credit", now=NOW)

    def test_survives_a_new_encryption_key_in_front_of_the_old(self, settings: Any) -> None:
        tenant = cast.organization().id
        before = references.reference_of(tenant, "p")
        settings.DOS_ENCRYPTION_KEYS = f"{encryption.new_key('next')},{settings.DOS_ENCRYPTION_KEYS}"
        references.forget()
        assert references.reference_of(tenant, "p") == before

    def test_is_refused_where_the_pepper_cannot_be_opened(self, settings: Any) -> None:
        tenant = cast.organization().id
        references.reference_of(tenant, "p")
        settings.DOS_ENCRYPTION_KEYS = encryption.new_key("stranger")
        references.forget()
        with pytest.raises(encryption.SealBroken):
            references.reference_of(tenant, "p")

    def test_keeps_its_pepper_sealed_at_rest(self) -> None:
        tenant = cast.organization().id
        references.reference_of(tenant, "p")
        with scope.tenant_scope(tenant):
            plain = ReferencePepper.objects.get().secret
            with connection.cursor() as cursor:
                cursor.execute("SELECT secret FROM tenancy_privacy_referencepepper")
                stored = bytes(cursor.fetchone()[0])
        assert stored.startswith(b"DOS1")
        assert plain.encode() not in stored

    def test_has_one_pepper_for_each_organization(self) -> None:
        tenant = cast.organization().id
        references.reference_of(tenant, "p")
        with (
            pytest.raises(IntegrityError),
            scope.tenant_scope(tenant),
            transaction.atomic(),
        ):
            ReferencePepper.objects.create(secret="x", created_in=1)

    def test_asks_the_database_nothing_once_the_pepper_is_known(self) -> None:
        tenant = cast.organization().id
        with scope.tenant_scope(tenant):
            ReferencePepper.objects.create(secret="c2VjcmV0", created_in=1)
            references.reference_of(tenant, "p")
            with CaptureQueriesContext(connection) as asked:
                references.reference_of(tenant, "person-17")
        assert len(asked) == 0


@pytest.mark.django_db(transaction=True)
class TestMaking:
    """The pepper is made when first needed."""

    def test_that_was_rolled_back_leaves_nothing_remembered(self) -> None:
        tenant = cast.organization().id
        with pytest.raises(Abandoned), scope.tenant_scope(tenant):
            lost = references.reference_of(tenant, "p")
            assert references.reference_of(tenant, "p") == lost
            raise Abandoned
        kept = references.reference_of(tenant, "p")
        references.forget()
        assert references.reference_of(tenant, "p") == kept != lost

    def test_that_was_rolled_back_to_a_savepoint_leaves_nothing_remembered(self) -> None:
        tenant = cast.organization().id
        with scope.tenant_scope(tenant):
            with pytest.raises(Abandoned), transaction.atomic():
                references.reference_of(tenant, "p")
                raise Abandoned
            kept = references.reference_of(tenant, "p")
        references.forget()
        assert references.reference_of(tenant, "p") == kept

    def test_by_many_at_once_gives_all_the_same(self) -> None:
        tenant = cast.organization().id
        found: list[str] = []
        ready = threading.Barrier(6)

        def ask() -> None:
            try:
                ready.wait()
                found.append(references.reference_of(tenant, "p"))
            finally:
                connection.close()

        crowd = [threading.Thread(target=ask) for _ in range(6)]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
        references.forget()
        assert found == [references.reference_of(tenant, "p")] * 6


@pytest.mark.django_db
class TestShredding:
    """The end of every reference of an organization."""

    def test_makes_everybody_unrecognisable_for_good(self) -> None:
        tenant = cast.organization().id
        with scope.tenant_scope(tenant):
            services.grant_consent(subject="p", purpose="credit", now=NOW)
            assert references.shred(now=NOW)
            assert not references.shred(now=NOW + timedelta(days=1))
            with pytest.raises(references.ReferencesShredded):
                references.reference_of(tenant, "p")
            with pytest.raises(references.ReferencesShredded):
                services.has_consent(subject="p", purpose="credit", now=NOW)
            row = ReferencePepper.objects.get()
            assert (row.secret, row.destroyed_at) == (None, NOW)
            assert Entry.objects.filter(kind="privacy.references_shredded").count() == 1

    def test_of_an_organization_without_persons_lets_none_appear_later(self) -> None:
        tenant = cast.organization().id
        with scope.tenant_scope(tenant):
            references.shred(now=NOW)
        with pytest.raises(references.ReferencesShredded):
            references.reference_of(tenant, "p")

    def test_touches_no_other_organization(self) -> None:
        one, two = cast.organization().id, cast.organization("other").id
        before = references.reference_of(two, "p")
        with scope.tenant_scope(one):
            references.shred(now=NOW)
        references.forget()
        assert references.reference_of(two, "p") == before
