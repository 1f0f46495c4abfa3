"""Every class of the admin, generated from the registry: its list, its records, its limits."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.db import connections, models
from django.test import Client
from django.test.utils import CaptureQueriesContext

from decisionos.kernel.admin import base, filters
from decisionos.kernel.tenants import isolation
from tests.isolation import world

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
TENANT = [model for model in MODELS if model in isolation.tenant_models()]
BUDGETS = json.loads((Path(__file__).parent / "query_counts.json").read_text())


def counts_all(sql: str) -> bool:
    """Return whether a statement counts rows without a bound."""
    return "count(*)" in sql.lower() and "limit" not in sql.lower()


def named(model: type[models.Model]) -> str:
    """Return the name of a case."""
    return model._meta.label


def shown(model: type[models.Model]) -> base.DosModelAdmin:
    """Return a model's class in the admin."""
    found = admin.site.get_model_admin(model)
    assert isinstance(found, base.DosModelAdmin)
    return found


def first(model: type[models.Model], house: world.House) -> Any:
    """Return one row of an organization, as the platform sees it."""
    column = shown(model).tenant_column
    rows = model._base_manager.using("platform")
    return (rows.filter(**{column: house.tenant}) if column else rows.all()).order_by("pk").first()


def queries(client: Client, address: str) -> tuple[Any, list[str]]:
    """Open a page and return it with the statements that it asked."""
    with CaptureQueriesContext(connections["default"]) as found:
        answer = client.get(address)
    return answer, [str(query["sql"]) for query in found.captured_queries]


@pytest.mark.parametrize("model", MODELS, ids=named)
class TestEveryClass:
    """What holds for each of them."""

    def test_lists_its_rows(self, owner: Client, model: type[models.Model]) -> None:
        answer = owner.get(shown(model).address("changelist"))
        assert answer.status_code == 200
        assert "changelist-form" in answer.content.decode()

    def test_counts_no_whole_table(self, owner: Client, model: type[models.Model]) -> None:
        _answer, asked = queries(owner, shown(model).address("changelist"))
        assert [sql for sql in asked if counts_all(sql)] == []

    def test_keeps_its_budget_of_queries(self, owner: Client, model: type[models.Model]) -> None:
        address = shown(model).address("changelist")
        owner.get(address)
        _answer, asked = queries(owner, address)
        assert len(asked) <= BUDGETS["list"], "\n".join(asked)
        own = [sql for sql in asked if f'FROM "{model._meta.db_table}"' in sql and "COUNT" not in sql]
        for name in shown(model).secret_fields if model._meta.label != "tenancy_identity.User" else ():
            assert not [sql for sql in own if f'"{model._meta.db_table}"."{name}"' in sql], name

    def test_opens_a_record_or_says_there_is_none(
        self, owner: Client, houses: list[world.House], model: type[models.Model]
    ) -> None:
        row = first(model, houses[0])
        if row is None:
            assert "0 rows" in owner.get(shown(model).address("changelist")).content.decode()
            return
        answer, asked = queries(owner, shown(model).address("change", row.pk))
        assert answer.status_code == 200
        assert len(asked) <= BUDGETS["record"], "\n".join(asked)

    def test_shows_no_secret(
        self, owner: Client, houses: list[world.House], model: type[models.Model]
    ) -> None:
        row = first(model, houses[0])
        hidden = [
            field.name
            for field in model._meta.fields
            if field.name in base.SECRETS or isinstance(field, base.SECRET_FIELDS)
        ]
        assert not set(hidden) & {str(name) for name in shown(model).list_display}
        if row is None or not hidden:
            return
        page = owner.get(shown(model).address("change", row.pk)).content.decode()
        for name in hidden:
            assert f"field-{name}" not in page
            value = getattr(row, name)
            assert not isinstance(value, str) or len(value) < 8 or value not in page

    def test_is_read_only_or_can_be_changed(
        self, owner: Client, houses: list[world.House], model: type[models.Model]
    ) -> None:
        found = shown(model)
        if isinstance(found, base.ReadOnlyAdmin):
            assert owner.get(found.address("add")).status_code == 403
            row = first(model, houses[0])
            if row is not None:
                assert owner.post(found.address("change", row.pk), {}).status_code == 403
                assert owner.post(found.address("delete", row.pk), {"post": "yes"}).status_code == 403
        else:
            assert owner.get(found.address("add")).status_code == 200

    def test_asks_a_permission_and_a_reason_for_every_action(
        self, owner: Client, model: type[models.Model]
    ) -> None:
        for name in shown(model).actions or ():
            told = getattr(getattr(shown(model), name), "reasoned", None)
            assert told is not None, f"{name} is not made by actions.reasoned"
            assert told.permission
            assert told.consequence

    def test_is_closed_to_whoever_is_not_staff(
        self, houses: list[world.House], _open: None, model: type[models.Model]
    ) -> None:
        answer = Client().get(shown(model).address("changelist"))
        assert answer.status_code in {302, 403}

    def test_writes_nothing_inline(
        self, owner: Client, houses: list[world.House], model: type[models.Model]
    ) -> None:
        addresses = [shown(model).address("changelist")]
        row = first(model, houses[0])
        addresses += [shown(model).address(page, row.pk) for page in ("change", "history")] if row else []
        for address in addresses:
            page = owner.get(address).content.decode()
            assert re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", page) == []
            assert re.findall(r"<[^>]*\s(?:style|on[a-z]+)=[\"'][^>]*>|<style", page) == []

    def test_offers_filters_that_live_in_the_address(
        self, owner: Client, model: type[models.Model], subtests_values: Any = ("nonsense", "2026-01-01", "5")
    ) -> None:
        request = owner.get(shown(model).address("changelist")).wsgi_request
        for item in shown(model).get_list_filter(request):
            if not (isinstance(item, tuple) and issubclass(item[1], filters.UrlFilter)):
                continue
            for ending in item[1].endings:
                for value in subtests_values:
                    answer = owner.get(shown(model).address("changelist"), {f"{item[0]}{ending}": value})
                    assert answer.status_code == 200, (item, value)


@pytest.mark.parametrize("model", TENANT, ids=named)
class TestOtherOrganization:
    """What belongs to somebody else."""

    def test_is_not_listed(self, owner: Client, houses: list[world.House], model: type[models.Model]) -> None:
        page = owner.get(shown(model).address("changelist"), {"all": ""}).content.decode()
        rows = model._base_manager.using("platform").filter(**{shown(model).tenant_column: houses[1].tenant})
        assert [str(row.pk) for row in rows[:500] if str(row.pk) in page] == []

    def test_cannot_be_opened(
        self, owner: Client, houses: list[world.House], model: type[models.Model]
    ) -> None:
        row = first(model, houses[1])
        if row is None:
            pytest.skip("no service makes such a row here")
        for name in ("change", "history"):
            assert owner.get(shown(model).address(name, row.pk)).status_code == 404

    def test_opens_to_nobody_without_an_organization(
        self, platform: Client, model: type[models.Model]
    ) -> None:
        answer = platform.get(shown(model).address("changelist"))
        assert answer.status_code == 409
        assert "Choose an organization first" in answer.content.decode()
