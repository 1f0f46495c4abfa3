"""Filters of the admin's lists: a period, a range of numbers, one of several values, a text.

What must stay true: each filter lives in the address; a value that cannot be read shows as wrong and finds
nothing, rather than everything; no filter reads a whole table to offer its choices.
"""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils import dateparse, timezone
from django.utils.translation import gettext as _

YES_NO = [("1", "yes"), ("0", "no")]


class UrlFilter(admin.FieldListFilter):
    """A filter whose values stand in the address under names of its own."""

    template = "admin/filters/filter.html"
    kind = "text"
    endings: tuple[str, ...] = ("",)

    def __init__(
        self, field: Any, request: HttpRequest, params: Any, model: Any, model_admin: Any, field_path: str
    ) -> None:
        self.path = field_path
        self.names = tuple(f"{field_path}{ending}" for ending in self.endings)
        self.wrong = ""
        super().__init__(field, request, params, model, model_admin, field_path)
        self.suggest = (model._meta.app_label, model._meta.model_name, field_path)

    def expected_parameters(self) -> list[str | None]:
        """Return the names in the address."""
        return list(self.names)

    def has_output(self) -> bool:
        """Return that the filter is always shown."""
        return True

    def given(self, name: str) -> str:
        """Return a value of the address, or an empty text."""
        found = self.used_parameters.get(name, "")
        value = found[-1] if isinstance(found, list) and found else found
        return str(value or "").replace("\0", "").strip() if value is not True and value is not False else ""

    @property
    def values(self) -> list[str]:
        """Return what the address says."""
        return [self.given(name) for name in self.names]

    @property
    def is_on(self) -> bool:
        """Return whether the filter narrows the list."""
        return any(self.values)

    def choices(self, changelist: Any) -> Any:
        """Return what is offered; a field to type in offers nothing."""
        return []

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Narrow the rows; a value that cannot be read finds nothing."""
        if not self.is_on:
            return queryset
        try:
            return self.narrow(queryset)
        except (ValueError, decimal.InvalidOperation):
            self.wrong = _("This value cannot be read.")
            return queryset.none()

    def narrow(self, rows: Any) -> Any:
        """Return the rows of the text that was given."""
        value: Any = self.given(self.names[0])
        own: Any = self.field
        field = own.target_field if own.is_relation else own
        if isinstance(field, models.UUIDField):
            value = uuid.UUID(value)
        return rows.filter(**{self.path: value})


class TextFilter(UrlFilter):
    """Exactly this value; what was seen lately is suggested."""


class ChoiceFilter(UrlFilter):
    """One of the values that the field names."""

    kind = "choice"
    endings = ("__exact",)

    def choices(self, changelist: Any) -> Any:
        """Return each value with its label."""
        named: list[Any] = [(_("yes"), "1"), (_("no"), "0")]
        if not isinstance(self.field, models.BooleanField):
            named = [(label, str(value)) for value, label in self.field.flatchoices]
        chosen = self.given(self.names[0])
        return [{"value": value, "label": label, "selected": value == chosen} for label, value in named]

    def given(self, name: str) -> str:
        """Return the chosen value, booleans as the address writes them."""
        found = self.used_parameters.get(name, "")
        value = found[-1] if isinstance(found, list) and found else found
        return {True: "1", False: "0"}[value] if isinstance(value, bool) else super().given(name)

    def narrow(self, rows: Any) -> Any:
        """Return the rows of the chosen value."""
        value: Any = self.given(self.names[0])
        if isinstance(self.field, models.BooleanField):
            if value not in {"0", "1"}:
                raise ValueError(value)
            value = value == "1"
        elif value not in {str(known) for known, _label in self.field.flatchoices}:
            raise ValueError(value)
        return rows.filter(**{self.path: value})


class PeriodFilter(UrlFilter):
    """From one day to another, both included, in the organization's zone."""

    kind = "period"
    endings = ("__from", "__to")

    def _day(self, text: str, *, after: int = 0) -> Any:
        found = dateparse.parse_date(text)
        if found is None:
            raise ValueError(text)
        day = found + datetime.timedelta(days=after)
        if not isinstance(self.field, models.DateTimeField):
            return day
        return timezone.make_aware(datetime.datetime.combine(day, datetime.time()))

    def narrow(self, rows: Any) -> Any:
        """Return the rows of the period."""
        first, last = self.values
        try:
            if first:
                rows = rows.filter(**{f"{self.path}__gte": self._day(first)})
            if last:
                rows = rows.filter(**{f"{self.path}__lt": self._day(last, after=1)})
        except OverflowError as error:
            raise ValueError(str(error)) from error
        return rows


class NumberFilter(UrlFilter):
    """From one number to another, both included."""

    kind = "number"
    endings = ("__from", "__to")

    def narrow(self, rows: Any) -> Any:
        """Return the rows of the range."""
        for text, side in zip(self.values, ("gte", "lte"), strict=True):
            if text:
                value = decimal.Decimal(text)
                if not value.is_finite() or abs(value) > 10**18:
                    raise ValueError(text)
                rows = rows.filter(**{f"{self.path}__{side}": value})
        return rows


def filter_for(field: Any) -> type[UrlFilter]:
    """Return the filter that fits a field."""
    if isinstance(field, models.BooleanField) or field.flatchoices:
        return ChoiceFilter
    if isinstance(field, models.DateField):
        return PeriodFilter
    if isinstance(field, models.IntegerField | models.FloatField | models.DecimalField):
        return NumberFilter
    return TextFilter
