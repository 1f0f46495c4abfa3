"""A model constraint that writes forced row-level security into the migration of its table.

The column is compared with the cast setting: casting the column instead would cost the index. A setting
that is absent or empty compares with NULL, so nothing is visible and nothing can be written. The role
``dos_platform`` (maintenance and platform staff, on a connection of its own) has a policy that sees all.
A SECURITY DEFINER function that must look before a tenant is known is created in a migration and given to
``dos_platform`` by ``ALTER FUNCTION ... OWNER TO dos_platform``; the owner role is a member of it.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import models
from django.db.models.constraints import BaseConstraint

PLATFORM_ROLE = "dos_platform"


class RowSecurity(BaseConstraint):
    """Enable and force row-level security on the model's table, keyed by one uuid column."""

    def __init__(self, *, name: str, column: str = "tenant_id") -> None:
        super().__init__(name=name)
        self.column = column

    def _statements(self, table: str) -> str:
        match = f"\"{self.column}\" = NULLIF(current_setting('app.tenant_id', true), '')::uuid"
        return (
            f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY; '
            f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY; '
            f'CREATE POLICY "tenant" ON "{table}" USING ({match}) WITH CHECK ({match}); '
            f'CREATE POLICY "platform" ON "{table}" TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)'
        )

    def constraint_sql(self, model: Any, schema_editor: Any) -> str:
        """Add the policies after the table exists; there is nothing to say inside CREATE TABLE."""
        schema_editor.deferred_sql.append(self._statements(model._meta.db_table))
        return ""

    def create_sql(self, model: Any, schema_editor: Any) -> str:
        """Return the statements that switch the policies on."""
        return self._statements(model._meta.db_table)

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        """Return the statements that take the policies away."""
        table = model._meta.db_table
        return (
            f'DROP POLICY IF EXISTS "tenant" ON "{table}"; DROP POLICY IF EXISTS "platform" ON "{table}"; '
            f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY'
        )

    def validate(self, model: Any, instance: Any, exclude: Any = None, using: str = "default") -> None:
        """Let the database judge: a row of another tenant fails there."""

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Return the path and arguments that migrations write."""
        path, args, kwargs = super().deconstruct()
        if self.column != "tenant_id":
            kwargs["column"] = self.column
        return path, tuple(args), kwargs

    def __eq__(self, other: object) -> bool:
        if isinstance(other, RowSecurity):
            return self.name == other.name and self.column == other.column
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.name, self.column))


def tenant_models() -> list[type[models.Model]]:
    """Return every installed model that carries row-level security."""
    return [
        model
        for model in apps.get_models()
        if any(isinstance(constraint, RowSecurity) for constraint in model._meta.constraints)
    ]
