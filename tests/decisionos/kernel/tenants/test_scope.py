"""The tenant in force: what PostgreSQL shows and refuses, on the role that serves."""

from __future__ import annotations

import uuid

import pytest
from django.db import ProgrammingError, connection, transaction

from decisionos.kernel.idempotency.models import Record
from decisionos.kernel.tenants import isolation, scope

ONE, TWO = uuid.UUID(int=1), uuid.UUID(int=2)


def _record(key: str = "k") -> Record:
    return Record.objects.create(key=key, fingerprint="f")


@pytest.mark.django_db
class TestRows:
    """What a scope shows."""

    @pytest.mark.requirement("F-M1")
    @pytest.mark.requirement("F-D31")
    def test_are_seen_by_their_own_tenant_only(self) -> None:
        with scope.tenant_scope(ONE):
            _record()
            assert Record.objects.count() == 1
        with scope.tenant_scope(TWO):
            assert Record.objects.count() == 0

    def test_are_not_seen_without_a_tenant(self) -> None:
        with scope.tenant_scope(ONE):
            _record()
        assert Record.objects.count() == 0

    @pytest.mark.requirement("F-D35")
    def test_of_another_tenant_cannot_be_written(self) -> None:
        with (
            scope.tenant_scope(ONE),
            pytest.raises(ProgrammingError, match="row-level security"),
            transaction.atomic(),
        ):
            Record.objects.create(tenant_id=TWO, key="k", fingerprint="f")

    def test_cannot_be_written_without_a_tenant(self) -> None:
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Record.objects.create(tenant_id=ONE, key="k", fingerprint="f")

    def test_of_another_tenant_are_untouched_by_raw_updates_and_deletes(self) -> None:
        with scope.tenant_scope(ONE):
            _record()
        with scope.tenant_scope(TWO), connection.cursor() as cursor:
            cursor.execute("UPDATE kernel_idempotency_record SET key = 'stolen'")
            assert cursor.rowcount == 0
            cursor.execute("DELETE FROM kernel_idempotency_record")
            assert cursor.rowcount == 0
        with scope.tenant_scope(ONE):
            assert Record.objects.get().key == "k"


@pytest.mark.django_db
class TestScope:
    """Entering and leaving."""

    def test_joins_when_the_same_tenant_is_entered_again(self) -> None:
        with scope.tenant_scope(ONE), scope.tenant_scope(ONE):
            assert scope.require() == ONE

    def test_refuses_another_tenant_inside(self) -> None:
        with scope.tenant_scope(ONE), pytest.raises(scope.TenantMismatch), scope.tenant_scope(TWO):
            pass

    def test_leaves_nothing_behind(self) -> None:
        with scope.tenant_scope(ONE):
            pass
        assert scope.current() is None
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('app.tenant_id', true)")
            assert cursor.fetchone()[0] in {"", None}

    def test_leaves_nothing_behind_after_an_error(self) -> None:
        with pytest.raises(ValueError, match="boom"), scope.tenant_scope(ONE):
            _record()
            raise ValueError("boom")
        assert scope.current() is None
        with scope.tenant_scope(ONE):
            assert Record.objects.count() == 0

    def test_is_required_where_a_door_asks_for_it(self) -> None:
        with pytest.raises(scope.TenantRequired):
            scope.require()


@pytest.mark.django_db
class TestRole:
    """The role that serves is bound by the policies."""

    def test_is_no_superuser_and_bypasses_nothing(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
            )
            assert cursor.fetchone() == ("dos_app", False, False)

    def test_owns_no_table(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_tables WHERE tableowner = 'dos_app'")
            assert cursor.fetchone() == (0,)

    def test_finds_forced_security_on_every_tenant_table(self) -> None:
        tables = sorted(model._meta.db_table for model in isolation.tenant_models())
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT relname FROM pg_class"
                " WHERE relname = ANY(%s) AND relrowsecurity AND relforcerowsecurity",
                [tables],
            )
            assert sorted(row[0] for row in cursor.fetchall()) == tables
        assert len(tables) > 3

    def test_finds_security_on_every_table_with_a_tenant_column(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
                " JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE n.nspname = 'public' AND c.relkind = 'r'"
                " AND a.attname = 'tenant_id' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"
            )
            assert cursor.fetchall() == []
