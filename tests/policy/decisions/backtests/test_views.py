"""Pages of backtests: asking, watching, reading, sharing; what is refused is refused in place."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import celery
import orjson
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from kombu.exceptions import OperationalError

from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.tenants import scope
from policy.decisions.backtests import queue, services
from policy.decisions.models import Backtest
from tests.people import person
from tests.policy.decisions.backtests.conftest import GOOD_ROWS, HEAD
from tests.policy.decisions.test_api import House
from tests.policy.lending import REVIEWED

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
Ask = Callable[..., Backtest]
Act = Callable[[Backtest], Any]


def text_of(answer: Any) -> str:
    """Return what a person reads on a page."""
    content = re.sub(r"<(script|style)\b.*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", content))


@pytest.fixture
def admin(house: House) -> Client:
    """Return the browser of an administrator."""
    return person(house.tenant)


def form_of(client: Client, **more: Any) -> dict[str, Any]:
    """Return the form of a new backtest as a browser sends it."""
    page = client.get("/backtests/new").content.decode()
    token = re.search(r'name="form_token" value="(\w+)"', page)
    assert token is not None
    rows = SimpleUploadedFile("may.csv", GOOD_ROWS.encode())
    return {"version": "lending 1.0.0", "source": "file", "rows": rows, "form_token": token[1], **more}


class TestPermissions:
    @pytest.mark.parametrize(
        "path", ["/backtests", "/backtests/new", "/backtests/{id}", "/backtests/{id}/report.json"]
    )
    def test_are_asked_for_every_page(self, house: House, ask: Ask, run: Act, path: str) -> None:
        path = path.format(id=run(ask()).id)
        assert person(house.tenant).get(path).status_code == 200
        assert person(house.tenant, role="auditor").get(path).status_code == 403
        assert Client().get(path).status_code == 302

    @pytest.mark.requirement("F-M1")
    def test_of_another_organization_open_nothing(self, house: House, ask: Ask, run: Act) -> None:
        made, stranger = run(ask()), person(House().tenant)
        for path in ("", "/report.html", "/flips.csv", "/compare?with=" + str(made.id)):
            assert stranger.get(f"/backtests/{made.id}{path}").status_code == 404
        for path in ("/cancel", "/share"):
            assert stranger.post(f"/backtests/{made.id}{path}").status_code == 404
        assert str(made.id) not in stranger.get("/backtests").content.decode()


class TestList:
    def test_shows_the_figures_of_each_and_offers_the_first(
        self, house: House, ask: Ask, run: Act, admin: Client
    ) -> None:
        assert "Nothing was tried yet" in text_of(admin.get("/backtests"))
        made = run(ask(file_name="may.csv", baseline="1.1.0"))
        page = admin.get("/backtests")
        told = text_of(page)
        assert f'href="/backtests/{made.id}"' in page.content.decode()
        for said in ("lending 1.0.0", "against 1.1.0", "may.csv", "100.0 %", "Done"):
            assert said in told

    def test_exports_what_is_filtered(self, house: House, ask: Ask, run: Act, admin: Client) -> None:
        run(ask(file_name="first.csv"))
        answer: Any = admin.get("/backtests?export=csv")
        assert "first.csv" in b"".join(answer.streaming_content).decode()

    def test_filters_by_state(self, house: House, ask: Ask, run: Act, admin: Client) -> None:
        run(ask(file_name="first.csv"))
        ask(file_name="second.csv")
        told = text_of(admin.get("/backtests?state=queued"))
        assert "second.csv" in told
        assert "first.csv" not in told

    def test_shows_stored_script_as_text(self, house: House, ask: Ask, run: Act, admin: Client) -> None:
        name = "<script>alert(1)</script>.csv"
        made = run(ask(f"{HEAD},<img src=x onerror=alert(2)>\n700,0.3,true,1,x\n", file_name=name))
        for path in ("/backtests", f"/backtests/{made.id}"):
            page = admin.get(path).content.decode()
            assert "<script>alert(1)" not in page
            assert "<img src=x" not in page


class TestNew:
    def test_takes_a_file_once_however_often_it_is_sent(self, house: House, admin: Client) -> None:
        form = form_of(admin, baseline="lending 1.1.0")
        first = admin.post("/backtests/new", form)
        form["rows"] = SimpleUploadedFile("may.csv", GOOD_ROWS.encode())
        second = admin.post("/backtests/new", form)
        assert first.status_code == second.status_code == 302
        assert first["Location"] == second["Location"]
        with scope.tenant_scope(house.tenant):
            row = Backtest.objects.get()
        assert (row.baseline, row.file_name, row.state) == ("1.1.0", "may.csv", "queued")

    def test_takes_a_window_of_the_history(self, house: House, admin: Client) -> None:
        form = form_of(admin, source="history", start="2026-01-01", end="2026-01-31")
        del form["rows"]
        assert admin.post("/backtests/new", form).status_code == 302
        with scope.tenant_scope(house.tenant):
            options = Backtest.objects.get().options
        assert options["start"].startswith("2026-01-01T00:00")
        assert options["end"].startswith("2026-02-01T00:00")

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"rows": ""}, "Choose a file"),
            ({"rows": SimpleUploadedFile("may.xlsx", b"PK\x03\x04")}, "Save the sheet as CSV"),
            ({"rows": SimpleUploadedFile("may.csv", b"\x00\xff\x00")}, "neither UTF-8"),
            ({"baseline": "lending 1.0.0"}, "the same version"),
            ({"source": "history", "start": "2026-02-01", "end": "2026-01-01"}, "before the first day"),
            ({"version": "lending 9.9.9"}, "valid choice"),
        ],
    )
    def test_says_what_is_wrong_and_keeps_the_form(
        self, house: House, admin: Client, change: dict[str, Any], told: str
    ) -> None:
        answer = admin.post("/backtests/new", form_of(admin, **change))
        assert answer.status_code == 422
        assert told in text_of(answer)
        with scope.tenant_scope(house.tenant):
            assert Backtest.objects.count() == 0

    def test_names_the_limit_before_a_file_is_sent_and_refuses_one_above(
        self, house: House, admin: Client, settings: Any
    ) -> None:
        settings.DOS_MAX_UPLOAD_BYTES = 5_000_000
        page = admin.get("/backtests/new").content.decode()
        assert 'data-most="5000000"' in page
        assert "At most 5 MB" in page
        settings.DOS_MAX_UPLOAD_BYTES = 1_000
        rows = SimpleUploadedFile("may.csv", b"x" * 3_000)
        assert admin.post("/backtests/new", {"rows": rows}).status_code == 413

    def test_answers_a_script_in_its_own_terms(self, house: House, admin: Client) -> None:
        headers = {"HX-Request": "true", "Accept": "application/json"}
        good = admin.post("/backtests/new", form_of(admin), headers=headers)
        assert good["HX-Redirect"].startswith("/backtests/")
        bad = admin.post("/backtests/new", form_of(admin, rows=""), headers=headers)
        assert bad.status_code == 422
        assert bad.json()["errors"][0]["pointer"] == "/rows"


class TestColumns:
    WRONG = "Credit Score,DTI ratio,incomeVerified,label\n530,0.3,true,0\n"

    def test_are_asked_for_with_the_nearest_chosen(self, house: House, admin: Client, run: Act) -> None:
        rows = SimpleUploadedFile("may.csv", self.WRONG.encode())
        where = admin.post("/backtests/new", form_of(admin, rows=rows))["Location"]
        page = admin.get(where).content.decode()
        assert re.search(r'<option value="Credit Score" selected>', page)
        token = re.search(r'name="form_token" value="(\w+)"', page)
        assert token is not None
        given = {
            "column:credit_score": "Credit Score",
            "column:dti": "DTI ratio",
            "column:income_verified": "incomeVerified",
            "column:purpose": "",
            "form_token": token[1],
        }
        assert admin.post(f"{where}/columns", given).status_code == 302
        with scope.tenant_scope(house.tenant):
            row = Backtest.objects.get()
        assert run(row).report["metrics"]["classes"]["reject"] == 1

    def test_that_are_still_missing_are_named(self, house: House, admin: Client, ask: Ask) -> None:
        row = ask(self.WRONG, keep_draft=True)
        token = {"form_token": "a" * 32}
        answer = admin.post(f"/backtests/{row.id}/columns", {"column:dti": "DTI ratio", **token})
        assert answer.status_code == 422
        assert "credit_score" in text_of(answer)


class TestProgress:
    def test_asks_again_until_it_is_over(self, house: House, admin: Client, ask: Ask, run: Act) -> None:
        row, where = ask(), {"poll": "1"}
        headers = {"HX-Request": "true"}
        waiting = admin.get(f"/backtests/{row.id}", where, headers=headers)
        assert "Waits for a worker" in text_of(waiting)
        assert 'hx-trigger="every 1s"' in waiting.content.decode()
        assert "HX-Refresh" not in waiting
        run(row)
        assert admin.get(f"/backtests/{row.id}", where, headers=headers)["HX-Refresh"] == "true"

    def test_says_that_the_queue_is_away(
        self, house: House, admin: Client, ask: Ask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(*_given: Any, **_more: Any) -> None:
            raise OperationalError("Connection refused")

        monkeypatch.setattr(celery.current_app, "send_task", fails)
        row = ask()
        assert queue.UNREACHABLE in text_of(admin.get(f"/backtests/{row.id}"))
        assert queue.UNREACHABLE in text_of(admin.get("/console/tray"))

    def test_can_be_cancelled(self, house: House, admin: Client, ask: Ask) -> None:
        row = ask()
        assert admin.post(f"/backtests/{row.id}/cancel").status_code == 302
        assert "The backtest was cancelled" in text_of(admin.get(f"/backtests/{row.id}"))
        assert admin.post(f"/backtests/{row.id}/cancel").status_code == 409

    def test_tells_why_it_failed_and_offers_another_try(
        self, house: House, admin: Client, ask: Ask, run: Act, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(_lease: Any) -> None:
            raise ValueError("The rows are odd.")

        monkeypatch.setattr(services, "_run", fails)
        row = run(ask())
        page = admin.get(f"/backtests/{row.id}")
        assert "The rows are odd." in text_of(page)
        assert "/backtests/new?version=lending%201.0.0" in page.content.decode()
        assert "The rows are odd." in text_of(admin.get("/home"))


class TestReport:
    def test_shows_figures_flips_segments_rules_and_bad_rows(
        self, house: House, admin: Client, ask: Ask, run: Act
    ) -> None:
        row = run(ask(GOOD_ROWS + "700,9,true,1\n", baseline="1.1.0"))
        page = admin.get(f"/backtests/{row.id}?by=dti")
        told = text_of(page)
        for said in ("Reject precision", "100.0 %", "Both versions decide every row alike", "By segment"):
            assert said in told
        for said in ("reject_low_credit", "Rows that do not fit", "/input/dti", "violates maximum"):
            assert said in told
        assert 'aria-current="page">dti' in page.content.decode()
        assert (
            'role="img" aria-label="Approved 33.3 %, Review 33.3 %, Rejected 33.3 %"' in page.content.decode()
        )

    def test_leads_from_a_flip_to_its_decision(self, house: House, admin: Client, ask: Ask, run: Act) -> None:
        made = house.decide(REVIEWED).json()["decision_id"]
        row = run(ask(source="history", content=None, baseline="1.0.0", version="1.2.0"))
        page = admin.get(f"/backtests/{row.id}")
        assert f'href="/decisions/{made}"' in page.content.decode()
        assert "review_missing_docs, review_borderline → reject_low_credit" in text_of(page)
        assert "before 100.0 % · −100.0 points" in text_of(page)

    def test_can_be_downloaded_in_every_form(self, house: House, admin: Client, ask: Ask, run: Act) -> None:
        row = run(ask(GOOD_ROWS + "700,9,true,1\n", baseline="1.1.0"))
        kinds = {"report.json": "application/json", "report.html": "text/html", "flips.csv": "text/csv"}
        for kind, content_type in {**kinds, "bad_rows.csv": "text/csv"}.items():
            answer = admin.get(f"/backtests/{row.id}/{kind}")
            assert answer["Content-Type"].startswith(content_type)
            assert answer["Content-Disposition"].startswith("attachment")
        assert orjson.loads(admin.get(f"/backtests/{row.id}/report.json").content)["metrics"]["rows"] == 3
        assert admin.get(f"/backtests/{row.id}/upload").status_code == 404

    def test_stands_beside_another(self, house: House, admin: Client, ask: Ask, run: Act) -> None:
        one, two = run(ask()), run(ask(version="1.1.0"))
        told = text_of(admin.get(f"/backtests/{two.id}/compare?with={one.id}"))
        assert "1.0.0" in told
        assert "±0.0 points" in told
        assert admin.get(f"/backtests/{two.id}/compare?with=x").status_code == 400


class TestSharing:
    def test_gives_a_link_that_needs_nobody_signed_in(
        self, house: House, admin: Client, ask: Ask, run: Act
    ) -> None:
        row = run(ask())
        answer = admin.post(f"/backtests/{row.id}/share", {"hours": "24"}, headers={"HX-Request": "true"})
        link = re.search(r"http://testserver(/shared/backtests/[^\"]+)", answer.content.decode())
        assert link is not None
        page = Client().get(link[1])
        assert page.status_code == 200
        assert "Reject precision" in text_of(page)
        assert page["X-Robots-Tag"] == "noindex"
        assert "default-src 'none'" in page["Content-Security-Policy"]
        with scope.tenant_scope(house.tenant):
            assert Entry.objects.filter(kind="backtest.shared").count() == 1
        admin.post(f"/backtests/{row.id}/share", {"end": "1"})
        assert Client().get(link[1]).status_code == 404

    def test_opens_nothing_for_a_made_up_link(self) -> None:
        assert Client().get("/shared/backtests/abc:def:ghi").status_code == 404
