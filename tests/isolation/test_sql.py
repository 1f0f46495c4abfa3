"""Raw SQL on the application's role: what one organization, or none, can reach of another's rows."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, ProgrammingError, connection, transaction

from decisionos import demo
from decisionos.kernel.tenants import isolation, scope
from tenancy.organizations import services as organizations
from tests.environment import FOLDER

TABLES = sorted(model._meta.db_table for model in isolation.tenant_models())
INSERT_ONLY = ("kernel_ledger_entry", "kernel_ledger_seal", "kernel_ledger_checkpoint")


@pytest.fixture
def victim(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """An organization with rows in many tables, as `make run` makes it."""
    monkeypatch.setattr(demo, "NUMBER_OF_APPLICATIONS", 3)
    monkeypatch.setattr(demo.sealing, "seal_all", lambda: 0)
    (FOLDER / "demo.json").unlink(missing_ok=True)
    made = demo.prepare(folder=FOLDER, say=lambda line: None)
    (FOLDER / "demo.json").unlink()
    return made


def _count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{table}"')
        return int(cursor.fetchone()[0])


@pytest.mark.django_db
@pytest.mark.requirement("F-M1")
@pytest.mark.requirement("F-D35")
class TestTables:
    """Every table of a tenant."""

    def test_show_nothing_without_a_tenant(self, victim: dict[str, object]) -> None:
        assert [table for table in TABLES if _count(table)] == []

    def test_show_another_tenant_only_its_own(self, victim: dict[str, object]) -> None:
        stranger = organizations.create_organization(slug="stranger", name="Stranger")
        with scope.tenant_scope(stranger.id), connection.cursor() as cursor:
            for table in TABLES:
                column = "id" if table == "tenancy_organizations_organization" else "tenant_id"
                cursor.execute(f'SELECT count(*) FROM "{table}" WHERE "{column}" <> %s', [stranger.id])
                assert (table, cursor.fetchone()[0]) == (table, 0)

    def test_can_be_changed_by_nobody_else(self, victim: dict[str, object]) -> None:
        stranger = organizations.create_organization(slug="stranger", name="Stranger")
        owner = str(victim["organization"]["id"])  # type: ignore[index]
        with scope.tenant_scope(owner):
            before = {table: _count(table) for table in TABLES}
        assert before["policy_decisions_decision"] == 3
        with scope.tenant_scope(stranger.id):
            for table in TABLES:
                try:
                    with transaction.atomic(), connection.cursor() as cursor:
                        column = "id" if table == "tenancy_organizations_organization" else "tenant_id"
                        cursor.execute(f'DELETE FROM "{table}" WHERE "{column}" = %s', [owner])
                        assert cursor.rowcount == 0
                except DatabaseError as error:
                    assert "permission denied" in str(error) or "append" in str(error)
        with scope.tenant_scope(owner):
            assert {table: _count(table) for table in TABLES} == before


@pytest.mark.django_db
class TestRole:
    """What the serving role may not do at all."""

    @pytest.mark.parametrize("verb", ["UPDATE {} SET tenant_id = tenant_id", "DELETE FROM {}", "TRUNCATE {}"])
    @pytest.mark.parametrize("table", INSERT_ONLY)
    def test_cannot_change_the_ledger(self, verb: str, table: str) -> None:
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(verb.format(table))

    @pytest.mark.parametrize(
        "statement",
        [
            "SET ROLE dos_owner",
            "SET ROLE dos_platform",
            "ALTER TABLE policy_decisions_decision DISABLE ROW LEVEL SECURITY",
            "DROP POLICY tenant ON policy_decisions_decision",
            "SELECT * FROM pg_authid",
            "CREATE TABLE public.mine (id int)",
            "ALTER ROLE dos_app BYPASSRLS",
        ],
    )
    def test_cannot_lift_its_bounds(self, statement: str) -> None:
        with pytest.raises(ProgrammingError), transaction.atomic():
            connection.cursor().execute(statement)
