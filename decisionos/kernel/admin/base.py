"""Base classes of the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import connections
from django.http import HttpRequest
from django.utils.functional import cached_property


class EstimatedPaginator(Paginator):  # type: ignore[type-arg]
    """Count exactly only where it is cheap; a large table answers with PostgreSQL's own estimate."""

    exact_up_to = 10_000

    @cached_property
    def count(self) -> int:
        """Return the number of rows, or an estimate past the bound."""
        rows: Any = self.object_list
        counted = rows[: self.exact_up_to].count()
        if counted < self.exact_up_to:
            return int(counted)
        table = rows.model._meta.db_table
        with connections[rows.db].cursor() as cursor:
            cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [table])
            return max(int(cursor.fetchone()[0]), self.exact_up_to)


class DosModelAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The common ground: bounded pages, no full count, newest first."""

    list_per_page = 50
    list_max_show_all = 200
    show_full_result_count = False
    paginator = EstimatedPaginator
    ordering = ("-pk",)
    save_on_top = False


class TenantModelAdmin(DosModelAdmin):
    """Rows of the organization in force; nothing is seen without one."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the owner of a row; it never changes."""
        return (*super().get_readonly_fields(request, obj), "tenant_id")


class ReadOnlyAdmin(DosModelAdmin):
    """Rows that a machine writes: looked at, never added, changed or deleted here."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False
