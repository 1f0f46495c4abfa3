"""The small parts of the admin's pages, and the way from a page of the console to the record in the admin.

What must stay true: all is escaped; a secret is shown by none of them.
"""

from __future__ import annotations

import datetime
import json
from typing import Any

from django import template
from django.contrib import admin
from django.contrib.admin.helpers import AdminReadonlyField
from django.contrib.admin.templatetags.admin_list import result_headers
from django.contrib.admin.utils import display_for_field, display_for_value, lookup_field
from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from decisionos.kernel.console.templatetags import console

register = template.Library()
LONG = 200


@register.simple_tag
def readonly(field: AdminReadonlyField) -> Any:
    """Show the value of a record's field as its kind wants it."""
    instance: Any = field.form.instance  # type: ignore[attr-defined]
    name: Any = field.field["field"]
    kind = _field_of(instance, name)
    try:
        value = getattr(instance, name) if kind is not None else None
    except ObjectDoesNotExist:
        value = None
    if kind is None or value is None or value == "":
        return field.contents()
    if isinstance(value, datetime.datetime):
        return console.time(value, True)
    if isinstance(kind, models.JSONField) and value not in ([], {}):
        text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
        return mark_safe(render_to_string("console/components/code.html", {"text": text, "label": ""}))  # noqa: S308  a template
    if isinstance(kind, models.TextField) and (len(str(value)) > LONG or "\n" in str(value)):
        return mark_safe(  # noqa: S308  a template
            render_to_string("console/components/code.html", {"text": str(value), "label": ""})
        )
    if isinstance(kind, models.UUIDField):
        return format_html('<span class="mono">{}</span> {}', value, console.copy(value))
    if isinstance(kind, models.BooleanField):
        return console.badge("ok" if value else "plain", _("yes") if value else _("no"))
    if isinstance(kind, models.IntegerField):
        return console.number(value)
    return field.contents()


def _field_of(instance: Any, name: Any) -> Any:
    if callable(name):
        return None
    return next((field for field in instance._meta.fields if field.name == name), None)


VERDICT_FIELDS = {"decision_class"}
NUMBERS = (models.IntegerField, models.FloatField, models.DecimalField)
HEAD, TAIL = 8, 4


def _shown(shown: Any, name: Any, row: Any) -> tuple[Any, str]:
    """Return what a cell shows, and its class."""
    field, _attribute, value = lookup_field(name, row, shown)
    empty = shown.get_empty_value_display()
    if isinstance(value, datetime.datetime):
        return console.time(value), ""
    if field is None:
        return display_for_value(value, empty, getattr(value, "boolean", False)), ""
    if value is None or value == "":
        return format_html('<span class="faint">{}</span>', console.DASH), ""
    if isinstance(field, models.UUIDField):
        text = str(value)
        return format_html('<span title="{}">{}…{}</span>', text, text[:HEAD], text[-TAIL:]), "mono"
    if field.name in VERDICT_FIELDS:
        return console.badge(str(value)), ""
    if isinstance(field, models.BooleanField):
        return console.badge("ok" if value else "plain", _("yes") if value else _("no")), ""
    if isinstance(field, NUMBERS):
        return console.number(value), "num"
    if isinstance(field, models.ForeignKey):
        return str(getattr(row, field.name)), ""
    return display_for_field(value, field, empty), ""


def _of_row(changelist: Any, row: Any) -> list[dict[str, Any]]:
    shown, cells = changelist.model_admin, []
    links = {str(name) for name in changelist.list_display_links or ()}
    for name in changelist.list_display:
        if name == "action_checkbox":
            cells.append({"text": shown.action_checkbox(row), "kind": "action-checkbox", "url": ""})
            continue
        try:
            text, kind = _shown(shown, name, row)
        except ObjectDoesNotExist:
            text, kind = console.DASH, ""
        url = changelist.url_for_result(row) if str(name) in links else ""
        cells.append({"text": text, "kind": f"{kind} field-{name}".strip(), "url": url})
    return cells


@register.simple_tag
def admin_rows(changelist: Any) -> list[list[dict[str, Any]]]:
    """Return the cells of a list's rows, each value as its kind wants it."""
    return [_of_row(changelist, row) for row in changelist.result_list]


@register.simple_tag
def admin_heads(changelist: Any) -> list[dict[str, Any]]:
    """Return the heads of a list's columns."""
    heads = list(result_headers(changelist))
    fields = {field.name: field for field in changelist.opts.fields}
    for head, name in zip(heads, changelist.list_display, strict=True):
        head["is_number"] = isinstance(fields.get(str(name)), NUMBERS)
    return heads


@register.simple_tag(takes_context=True)
def admin_link(context: Any, record: Any) -> SafeString:
    """Draw the way to a record's page in the admin, for staff."""
    user = getattr(context.get("request"), "user", None)
    if not (user and user.is_authenticated and user.is_staff) or not admin.site.is_registered(type(record)):
        return mark_safe("")
    meta = record._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[record.pk])
    return format_html(
        '<a class="btn quiet" href="{}">{}{}</a>',
        address,
        console.icon("settings"),
        _("In the admin"),
    )


@register.simple_tag
def admin_address(model: Any, name: str, *arguments: Any) -> str:
    """Return the address of a model's page in the admin."""
    meta = getattr(model, "_meta", model)
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{name}", args=list(arguments))


@register.simple_tag
def kept_query(changelist: Any, *names: str) -> list[tuple[str, str]]:
    """Return what the address of a list says, without some names and the page: for a form's hidden fields."""
    left_out = {"p", "e", "all", *names, *(name for spec in changelist.filter_specs for name in _names(spec))}
    return [
        (name, value)
        for name, values in changelist.filter_params.items()
        if name not in left_out
        for value in (values if isinstance(values, list) else [values])
    ]


def _names(spec: Any) -> list[str]:
    return [str(name) for name in spec.expected_parameters()]


@register.simple_tag
def page_links(changelist: Any) -> dict[str, str]:
    """Return the addresses of the neighbouring pages of a list."""
    now, last = changelist.page_num, changelist.paginator.num_pages
    found = {}
    if now > 1:
        found["newer"] = changelist.get_query_string({"p": now - 1})
    if now < last:
        found["older"] = changelist.get_query_string({"p": now + 1})
    return found


@register.filter
def actor_name(actor: str) -> str:
    """Return how an actor of the ledger is shown."""
    kind, _colon, identifier = str(actor).partition(":")
    return f"{kind} {identifier[:8]}" if identifier else (kind or console.DASH)


@register.filter
def kind_name(kind: str) -> str:
    """Return a kind of entry as words: the last part, then where it belongs."""
    *where, what = str(kind).split(".")
    words = what.replace("_", " ")
    return f"{words} ({'.'.join(where)})" if where else words
