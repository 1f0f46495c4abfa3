"""Every table of a tenant is locked in PostgreSQL itself, for the role that the product uses."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection, models

from decisionos.kernel.tenants import isolation
from decisionos.kernel.tenants.models import TenantModel

TENANT_MODELS = isolation.tenant_models()
_SECURITY = "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass"
_POLICIES = "SELECT policyname, roles::text[], qual, with_check FROM pg_policies WHERE tablename = %s"


def _ids(model: type[models.Model]) -> str:
    return model._meta.label


@pytest.mark.django_db
class TestTenantTables:
    def test_there_are_some(self) -> None:
        assert len(TENANT_MODELS) >= 10

    def test_every_tenant_model_carries_the_constraint(self) -> None:
        bare = [
            m._meta.label for m in apps.get_models() if issubclass(m, TenantModel) and m not in TENANT_MODELS
        ]
        assert bare == []

    def test_a_column_of_tenants_never_stands_without_it(self) -> None:
        bare = [
            model._meta.label
            for model in apps.get_models()
            if model not in TENANT_MODELS
            and any(field.name == "tenant_id" for field in model._meta.get_fields())
        ]
        assert set(bare) <= {"kernel_events.OutboxEvent"}

    @pytest.mark.parametrize("model", TENANT_MODELS, ids=_ids)
    def test_security_is_on_and_forced(self, model: type[models.Model]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_SECURITY, [model._meta.db_table])
            assert cursor.fetchone() == (True, True)

    @pytest.mark.parametrize("model", TENANT_MODELS, ids=_ids)
    def test_the_policies_compare_with_the_tenant_in_force(self, model: type[models.Model]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_POLICIES, [model._meta.db_table])
            policies = {name: (roles, qual, check) for name, roles, qual, check in cursor.fetchall()}
        assert set(policies) == {"tenant", "platform"}
        assert policies["platform"][0] == ["dos_platform"]
        for text in policies["tenant"][1:]:
            assert "app.tenant_id" in (text or "")
            assert "NULLIF" in (text or "").upper()

    @pytest.mark.parametrize("model", TENANT_MODELS, ids=_ids)
    def test_nothing_is_seen_without_a_tenant(self, model: type[models.Model]) -> None:
        assert model._default_manager.count() == 0

    @pytest.mark.parametrize("model", TENANT_MODELS, ids=_ids)
    def test_unique_keys_include_the_tenant(self, model: type[models.Model]) -> None:
        column = next(c.column for c in model._meta.constraints if isinstance(c, isolation.RowSecurity))
        for constraint in model._meta.constraints:
            if (
                isinstance(constraint, models.UniqueConstraint)
                and constraint.fields
                and column == "tenant_id"
            ):
                assert constraint.fields[0] == "tenant_id", constraint.name

    def test_the_role_in_use_is_plain(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
            assert cursor.fetchone() == (False, False)
            cursor.execute("SELECT count(*) FROM pg_tables WHERE tableowner = current_user")
            assert cursor.fetchone() == (0,)
