"""Base classes of the admin.

What must stay true: a machine-written row cannot be edited; an organization's rows open only where one is
chosen, and during a visit only the visited one's; a field that holds a secret is never shown; what was
changed here stands in the ledger.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.db import models
from django.forms import Media
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from decisionos.kernel.admin import actions, filters, trail, visits
from decisionos.kernel.admin.paginators import EstimatedPaginator
from decisionos.kernel.encryption import EncryptedJSONField, EncryptedTextField
from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.tenants import isolation, scope

__all__ = ["DosModelAdmin", "EstimatedPaginator", "ReadOnlyAdmin", "TenantModelAdmin"]
SECRETS = frozenset(
    {"secret_hash", "private_key", "password", "evidence", "payload_sealed", "sealed", "secret", "token"}
)
SECRET_FIELDS = (models.BinaryField, EncryptedJSONField, EncryptedTextField)


class DosModelAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The common ground: bounded pages, no full count, newest first, filters in the address."""

    icon: ClassVar[str] = ""
    about: ClassVar[Any] = ""
    console_page: ClassVar[str] = ""
    list_per_page = 50
    list_max_show_all = 200
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = EstimatedPaginator
    ordering = ("-pk",)
    save_on_top = False
    actions_selection_counter = False

    @property
    def tenant_column(self) -> str:
        """Return the column that names a row's organization, or an empty text."""
        for constraint in self.opts.constraints:
            if isinstance(constraint, isolation.RowSecurity):
                return constraint.column
        return ""

    @property
    def secret_fields(self) -> list[str]:
        """Return the fields that are never shown."""
        return [
            field.name
            for field in self.opts.fields
            if field.name in SECRETS or isinstance(field, SECRET_FIELDS)
        ]

    @property
    def media(self) -> Media:
        """Return the scripts of a form; a page that is only looked at needs none of Django's."""
        return super().media if self.formfield_overrides or self.is_edited_here else Media()

    is_edited_here: ClassVar[bool] = True

    def address(self, page: str, *arguments: Any) -> str:
        """Return the address of one of the model's pages."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_{page}"
        return reverse(f"admin:{name}", args=list(arguments), current_app=self.admin_site.name)

    # --- whose rows -------------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the rows of the organization in force, or the visited one's on the platform's connection."""
        visit: visits.Visit | None = getattr(request, "platform_visit", None)
        # What is never shown is never fetched either: a sealed upload can have a hundred megabytes.
        rows: Any = super().get_queryset(request).defer(*self.secret_fields)
        if visit is None or not self.tenant_column:
            return rows
        return rows.using(visits.CONNECTION).filter(**{self.tenant_column: visit.organization.id})

    def _is_closed(self, request: HttpRequest) -> bool:
        if not self.tenant_column or getattr(request, "platform_visit", None) is not None:
            return False
        return scope.current() is None

    def _choose_first(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        values = {
            **self.admin_site.each_context(request),
            "title": capfirst(str(self.opts.verbose_name_plural)),
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/choose.html", values, status=409)

    # --- lists ------------------------------------------------------------------------------------------
    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show the list, once an organization is chosen."""
        if self._is_closed(request):
            return self._choose_first(request)
        more = {"title": capfirst(str(self.opts.verbose_name_plural)), "about": self.about}
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Return a filter of ours for each field that is named, and one for the moment that is shown."""
        found: list[Any] = []
        for item in super().get_list_filter(request):
            field = self._field(item) if isinstance(item, str) else None
            found.append((item, filters.filter_for(field)) if field is not None else item)
        named = {item[0] if isinstance(item, tuple) else item for item in found}
        moment = next(
            (
                name
                for name in self.get_list_display(request)
                if isinstance(name, str)
                and name not in named
                and isinstance(self._field(name), models.DateTimeField)
            ),
            None,
        )
        return [*found, (moment, filters.PeriodFilter)] if moment else found

    def _field(self, name: str) -> Any:
        try:
            return self.opts.get_field(name)
        except FieldDoesNotExist:
            return None

    def get_sortable_by(self, request: HttpRequest) -> Any:
        """Return the columns that an index can sort by."""
        leading = {
            index.fields[1] if index.fields[0] == "tenant_id" and len(index.fields) > 1 else index.fields[0]
            for index in self.opts.indexes
            if index.fields
        }
        leading |= {self.opts.pk.name, *(name.lstrip("-") for name in self.ordering or ())}
        return [name for name in self.get_list_display(request) if name in leading]

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Allow the filters that are offered, and no other question in the address."""
        offered = self.get_list_filter(request)
        return any(
            lookup in {f"{item[0]}{ending}" for ending in item[1].endings}
            if isinstance(item, tuple)
            else lookup == getattr(item, "parameter_name", None)
            for item in offered
        )

    def get_actions(self, request: HttpRequest) -> Any:
        """Return the actions whose permission the person has; nothing is deleted in bulk."""
        found: dict[str, Any] = dict(super().get_actions(request))
        return {
            name: entry
            for name, entry in found.items()
            if (told := getattr(entry[0], "reasoned", None)) is not None
            and actions.may(request, told.permission)
        }

    # --- one record -------------------------------------------------------------------------------------
    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out what is secret, whatever the class says."""
        return [*(super().get_exclude(request, obj) or ()), *self.secret_fields]

    def get_autocomplete_fields(self, request: HttpRequest) -> Any:
        """Let every relation to a searchable list be searched rather than listed."""
        found = set(super().get_autocomplete_fields(request))
        for field in self.opts.fields:
            related: Any = field.related_model
            is_listed = isinstance(related, type) and self.admin_site.is_registered(related)
            if is_listed and self.admin_site.get_model_admin(related).search_fields:
                found.add(field.name)
        return sorted(found)

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Show a record with its actions, its page in the console and what the ledger says of it."""
        if self._is_closed(request):
            return self._choose_first(request)
        more: dict[str, Any] = {}
        if object_id is not None:
            more = {
                "record_actions": actions.of(self, request),
                "console_url": self.console_url(request, object_id),
                "happenings": trail.about(request, object_id, most=10),
            }
        return super().changeform_view(request, object_id, form_url, {**more, **(extra_context or {})})

    def console_url(self, request: HttpRequest, object_id: Any) -> str:
        """Return the record's page in the console, or an empty text; during a visit there is none."""
        if not self.console_page or getattr(request, "platform_visit", None) is not None:
            return ""
        try:
            return reverse(self.console_page, args=[object_id])
        except NoReverseMatch:
            return ""

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """Show what the ledger says of a record."""
        if self._is_closed(request):
            return self._choose_first(request)
        found = self.get_object(request, object_id)
        if found is None:
            raise Http404
        if not self.has_view_or_change_permission(request, found):
            raise PermissionDenied
        values = {
            **self.admin_site.each_context(request),
            "title": _("History"),
            "object": found,
            "opts": self.opts,
            "happenings": trail.about(request, object_id, most=200),
        }
        return TemplateResponse(request, "admin/object_history.html", values)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: Any) -> Any:
        raise Http404

    # --- what was changed here ----------------------------------------------------------------------------
    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save through the serving connection, in the organization whose rows are open."""
        with visits.writing(request):
            obj.save(using="default")

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete through the serving connection, in the organization whose rows are open."""
        with visits.writing(request):
            obj.delete(using="default") if obj._state.db == "default" else self._again(obj).delete()

    def _again(self, obj: Any) -> Any:
        return self.model._default_manager.get(pk=obj.pk)

    def _record(self, request: HttpRequest, obj: Any, kind: str, payload: dict[str, Any]) -> None:
        with visits.writing(request):
            if scope.current() is None:
                return
            ledger.append(
                kind=kind,
                payload={"model": self.opts.label_lower, **payload},
                subject_type=str(self.opts.model_name),
                subject_id=str(obj.pk),
            )

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record what was added."""
        self._record(request, obj, "admin.record_added", {})

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record which fields were changed; their values stay out of the ledger."""
        changed = message if isinstance(message, list) else []
        names = [name for part in changed for name in part.get("changed", {}).get("fields", [])]
        self._record(request, obj, "admin.record_changed", {"fields": [str(name) for name in names]})

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Record what was deleted."""
        for obj in queryset:
            self._record(request, obj, "admin.record_deleted", {})


class TenantModelAdmin(DosModelAdmin):
    """Rows of the organization in force; nothing is seen without one."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the owner of a row; it never changes."""
        return (*super().get_readonly_fields(request, obj), "tenant_id")


class ReadOnlyAdmin(DosModelAdmin):
    """Rows that a machine writes: looked at, never added, changed or deleted here."""

    is_edited_here = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False
