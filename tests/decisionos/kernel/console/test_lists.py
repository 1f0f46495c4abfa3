"""Lists: filters from the URL, keyset pages, counts, exports, saved views."""

from __future__ import annotations

import datetime
import json
import uuid
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client
from django.urls import path
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decisionos import urls
from decisionos.kernel import errors
from decisionos.kernel.console import exports, lists, registry
from decisionos.kernel.console.models import SavedView
from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.tenants import scope
from tenancy.organizations.models import Organization
from tests.decisionos.kernel.console.test_pages import person, signed_in
from tests.tenancy import cast

pytestmark = pytest.mark.django_db


class SamplePage(lists.ListPage):
    """Saved views stand in for any rows."""

    active = "sample"
    title = "Samples"
    page_size = 4
    ordering = ("name", "id")
    orderings = {"newest": ("-id",)}
    filters = (
        lists.Filter(name="q", label="Search", kind="search", lookup="name__icontains"),
        lists.Filter(name="page", label="Page", choices=[("a", "A"), ("b", "B")]),
        lists.Filter(
            name="many", label="Pages", kind="many", lookup="page", choices=[("a", "A"), ("b", "B")]
        ),
        lists.Filter(name="shared", label="Shared", kind="flag", default="no"),
        lists.Filter(name="at", label="At", kind="period", lookup="created_at"),
    )
    columns = (
        lists.Column(name="name", label="Name"),
        lists.Column(name="page", label="Page"),
        lists.Column(name="upper", label="Upper", value=lambda row: row.name.upper(), hidden=True),
    )

    def rows(self, request: HttpRequest) -> lists.Rows:
        """Return all of them."""
        return SavedView.objects.filter(tenant_id=scope.require())

    def row_url(self, row: Any) -> str:
        """Return a page."""
        return f"/sample/{row.id}"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Organization:
    """Return an organization with a page of samples."""
    from django.urls import clear_url_caches, set_urlconf

    monkeypatch.setattr(
        urls, "urlpatterns", [*urls.urlpatterns, path("sample", SamplePage.as_view(), name="sample")]
    )
    monkeypatch.setitem(
        registry.pages, "sample", registry.Nav("decide", "sample", "Samples", "sample", "list")
    )
    clear_url_caches()
    set_urlconf(None)
    return cast.organization()


def fill(place: Organization, count: int = 10, **fields: Any) -> None:
    """Save some rows."""
    with scope.tenant_scope(place.id):
        for number in range(count):
            SavedView.objects.create(
                user_id=uuid.uuid4(), name=f"row {number:03}", page="a" if number % 2 else "b", **fields
            )


def names(client: Client, query: str) -> list[str]:
    """Return the names that the page of a query shows, following it to its end."""
    answer = client.get(f"/sample?{query}", headers={"HX-Request": "true"})
    assert answer.status_code == 200, answer.content
    text = answer.content.decode()
    return [
        part.split("<")[0] for part in text.split('class="row-link"')[1:] for part in [part.split(">", 1)[1]]
    ]


class TestPaging:
    """Keyset pages."""

    @pytest.mark.parametrize("sort", ["", "newest"])
    def test_shows_every_row_once_forwards_and_backwards(self, place: Organization, sort: str) -> None:
        fill(place, 11)
        client = signed_in(person(place))
        seen: list[str] = []
        url, last = f"/sample?sort={sort}", ""
        while url:
            text = client.get(url).content.decode()
            seen += [part.split(">", 1)[1].split("<")[0] for part in text.split('class="row-link"')[1:]]
            following = text.split('rel="next" href="')
            last, url = (
                url,
                ("/sample" + following[1].split('"')[0].replace("&amp;", "&")) if following[1:] else "",
            )
        assert sorted(seen) == [f"row {number:03}" for number in range(11)]
        back = client.get(last).content.decode().split('rel="prev" href="')[1].split('"')[0]
        text = client.get("/sample" + back.replace("&amp;", "&")).content.decode()
        shown = [part.split(">", 1)[1].split("<")[0] for part in text.split('class="row-link"')[1:]]
        assert shown == seen[4:8]

    @pytest.mark.parametrize("cursor", ["x", "W10", "WyJhIl0", "bm90IGpzb24", "WyJhIiwgImIiXQ"])
    def test_refuses_a_cursor_of_another_list(self, place: Organization, cursor: str) -> None:
        client = signed_in(person(place))
        assert client.get(f"/sample?after={cursor}").status_code == 400


class TestFilters:
    """What the URL says."""

    def test_narrow_the_rows_and_hold_their_defaults(self, place: Organization) -> None:
        fill(place, 4)
        fill(place, 1, shared=True)
        client = signed_in(person(place))
        assert len(names(client, "")) == 4
        assert names(client, "shared=yes") == ["row 000"]
        assert len(names(client, "shared=&many=a&many=b")) == 4
        assert names(client, "q=003") == ["row 003"]
        assert names(client, "page=a") == ["row 001", "row 003"]
        assert names(client, "at=today&page=a") == ["row 001", "row 003"]
        assert names(client, "at=2001-01-01..2001-02-01") == []

    @pytest.mark.parametrize("value", ["yesterday", "2026-13-01..2026-14-01", "..", "9999999d"])
    def test_refuse_a_period_that_is_none(self, place: Organization, value: str) -> None:
        answer = signed_in(person(place)).get("/sample", {"at": value})
        assert answer.status_code == 400
        assert "cannot be read" in answer.content.decode()

    @pytest.mark.parametrize(
        "text", ["<script>alert(1)</script>", "'; DROP TABLE x; --", "\0", "%", "한글 🙂"]
    )
    def test_show_any_text_as_text(self, place: Organization, text: str) -> None:
        answer = signed_in(person(place)).get("/sample", {"q": text})
        assert answer.status_code == 200
        assert "<script>alert" not in answer.content.decode()

    def test_a_period_is_half_open_in_the_zone_in_force(self) -> None:
        with timezone.override("Asia/Seoul"):
            begin, end = lists.period("2026-11-01..2026-11-30")
        assert begin is not None
        assert end is not None
        assert begin.astimezone(datetime.UTC).isoformat() == "2026-10-31T15:00:00+00:00"
        assert end - begin == datetime.timedelta(days=30)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [("5", (5, 5)), ("5..9", (5, 9)), ("..9", (None, 9)), ("5..", (5, None)), ("-1.5..2", (-1.5, 2))],
    )
    def test_an_interval_is_closed(self, text: str, expected: tuple[float | None, float | None]) -> None:
        assert lists.interval(text) == expected
        with pytest.raises(errors.BadRequest):
            lists.interval("a..b")


class TestColumns:
    """What is shown of a row."""

    def test_are_those_that_were_chosen_the_first_one_always(self, place: Organization) -> None:
        fill(place, 1)
        client = signed_in(person(place))
        assert "ROW 000" not in client.get("/sample").content.decode()
        client.cookies["sample_columns"] = "upper.nonsense"
        text = client.get("/sample").content.decode()
        assert "ROW 000" in text
        assert "row 000" in text
        client.cookies["sample_columns"] = "<script>"
        client.cookies["density"] = "compact"
        text = client.get("/sample").content.decode()
        assert "ROW 000" not in text
        assert 'data-density="compact"' in text


class TestCount:
    """How many there are."""

    def test_is_exact_while_it_is_cheap(self, place: Organization) -> None:
        fill(place, 7)
        with scope.tenant_scope(place.id):
            rows = SavedView.objects.all()
            assert lists.estimate(rows) == (7, True)
            guessed, exact = lists.estimate(rows, exact_up_to=3)
        assert guessed >= 4
        assert exact is False


class TestExport:
    """Downloads."""

    def test_hold_exactly_what_is_filtered_and_stand_in_the_ledger(self, place: Organization) -> None:
        fill(place, 9)
        client = signed_in(person(place))
        answer = client.get("/sample?page=a&export=csv")
        text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
        assert text.splitlines() == [
            "name,page,upper",
            *(f"row 00{number},a,ROW 00{number}" for number in (1, 3, 5, 7)),
        ]
        assert "attachment" in answer["Content-Disposition"]
        answer = client.get("/sample?page=b&export=json")
        rows = json.loads(b"".join(answer.streaming_content))  # type: ignore[attr-defined]
        assert [row["name"] for row in rows] == [f"row 00{number}" for number in (0, 2, 4, 6, 8)]
        with scope.tenant_scope(place.id):
            entries = list(Entry.objects.filter(kind="console.exported"))
        assert sorted(entry.payload["format"] for entry in entries) == ["csv", "json"]

    def test_refuse_another_format(self, place: Organization) -> None:
        assert signed_in(person(place)).get("/sample?export=exe").status_code == 400

    @settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.text())
    def test_write_no_cell_that_a_spreadsheet_runs(self, text: str) -> None:
        shown = exports.cell(text)
        assert shown.lstrip()[:1] not in {"=", "+", "@", "|"} or not text
        assert shown in {text, f"'{text}"}


class TestViews:
    """Saved views."""

    def test_are_saved_opened_by_their_address_and_deleted(self, place: Organization) -> None:
        client = signed_in(person(place))
        form = {"page": "sample", "name": "Mine", "query": "page=a", "form_token": "t1"}
        answer = client.post("/console/views", form)
        assert answer.status_code == 302
        assert client.get(answer["Location"])["Location"] == "/sample?page=a"
        assert "Mine" in client.get("/sample").content.decode()
        again = client.post("/console/views", form)
        assert again["Location"] == answer["Location"]
        with scope.tenant_scope(place.id):
            assert SavedView.objects.filter(name="Mine").count() == 1
        client.post(f"{answer['Location']}/delete")
        with scope.tenant_scope(place.id):
            assert not SavedView.objects.filter(name="Mine").exists()
        assert client.get(answer["Location"]).status_code == 404

    @pytest.mark.parametrize(
        "wrong", [{"name": ""}, {"name": "x" * 81}, {"page": "nowhere"}, {"query": "x" * 2001}]
    )
    def test_refuse_what_is_not_acceptable(self, place: Organization, wrong: dict[str, str]) -> None:
        form = {"page": "sample", "name": "Mine", "query": "", "form_token": "t1", **wrong}
        assert signed_in(person(place)).post("/console/views", form).status_code == 422

    def test_of_somebody_else_are_not_to_be_had(self, place: Organization) -> None:
        fill(place, 1)
        with scope.tenant_scope(place.id):
            view = SavedView.objects.get()
        client = signed_in(person(place))
        assert client.get(f"/console/views/{view.id}").status_code == 404
        assert client.post(f"/console/views/{view.id}/delete").status_code == 404
