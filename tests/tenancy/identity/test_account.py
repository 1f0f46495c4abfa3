"""Passwords and the profile: links that work once, answers that tell nothing, changes that end sessions."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from decisionos import env
from decisionos.kernel import clock
from tenancy.identity import mailing, signing_in
from tenancy.identity.models import User
from tests.tenancy import cast
from tests.tenancy.identity import people
from tests.tenancy.identity.people import EMAIL, PASSWORD, signed_in

pytestmark = pytest.mark.django_db
NEW = {"password": "a fresh long passphrase", "again": "a fresh long passphrase"}


def _link() -> str:
    mailing.flush()
    found = re.search(r"http://testserver(/reset/\S+)", mail.outbox[-1].body)
    assert found
    return found[1]


class TestReset:
    """A forgotten password."""

    def test_is_set_anew_by_a_link_that_works_once(self, client: Client) -> None:
        one = cast.actor()
        people.person(one.organization)
        old = signed_in()
        assert client.post("/forgotten", {"email": EMAIL}).status_code == 200
        link = _link()
        assert client.get(link).status_code == 200
        assert client.post(link, NEW).status_code == 200
        assert old.get("/account").status_code == 302
        signed_in(password=NEW["password"])
        assert client.get(link).status_code == 404
        assert client.post(link, NEW).status_code == 404
        assert "access.password_changed" in one.kinds()

    def test_says_the_same_for_an_address_that_nobody_has(self, client: Client) -> None:
        people.person()
        pages = []
        for email in (EMAIL, "nobody@example.com"):
            page = client.post("/forgotten", {"email": email}).content.decode()
            pages.append(re.sub(r"csrfmiddlewaretoken\" value=\"\w+", "", page.replace(email, "…")))
        mailing.flush()
        assert [message.to for message in mail.outbox] == [[EMAIL]]
        strip = [re.sub(r"nonce=\"[^\"]+\"|data-corr=\"[^\"]*\"", "", page) for page in pages]
        assert strip[0] == strip[1]

    def test_ends_with_a_change_of_the_password(self, client: Client) -> None:
        user = people.person()
        client.post("/forgotten", {"email": EMAIL})
        link = _link()
        user.refresh_from_db()
        user.set_password("something else entirely")
        user.save()
        assert client.get(link).status_code == 404

    def test_ends_after_an_hour(self, client: Client, settings: Any) -> None:
        people.person()
        client.post("/forgotten", {"email": EMAIL})
        link = _link()
        settings.PASSWORD_RESET_TIMEOUT = -1
        assert client.get(link).status_code == 404

    @pytest.mark.parametrize(
        "change", [{"again": "another one entirely"}, {"password": "short", "again": "short"}, {"again": ""}]
    )
    def test_refuses_what_is_weak_or_mistyped(self, client: Client, change: dict[str, str]) -> None:
        people.person()
        client.post("/forgotten", {"email": EMAIL})
        link = _link()
        assert client.post(link, {**NEW, **change}).status_code == 422
        assert client.get(link).status_code == 200

    @pytest.mark.parametrize("token", ["x", "c0ffee-" + "0" * 32, "%00"])
    def test_takes_no_link_that_was_not_sent(self, client: Client, token: str) -> None:
        user = people.person()
        assert client.get(f"/reset/{user.id}/{token}").status_code == 404

    def test_is_throttled(self, client: Client) -> None:
        answers = [client.post("/forgotten", {"email": EMAIL}).status_code for _ in range(12)]
        assert (answers[0], answers[-1]) == (200, 429)


class TestChange:
    """A password that is known."""

    def test_needs_the_present_one_and_ends_the_other_sessions(self) -> None:
        people.person(cast.organization())
        one, two = signed_in(), signed_in()
        assert two.post("/account/security", {"old": "wrong", **NEW}).status_code == 422
        assert two.post("/account/security", {"old": PASSWORD, **NEW}).status_code == 302
        assert (one.get("/account").status_code, two.get("/account").status_code) == (302, 200)
        assert [row.session_key for row in signing_in.list_sign_ins(User.objects.get())] == [
            two.session.session_key
        ]

    def test_counts_wrong_guesses_of_a_stolen_session(self) -> None:
        people.person(cast.organization())
        client = signed_in()
        for _ in range(signing_in.MOST_BY_ACCOUNT):
            client.post("/account/security", {"old": "wrong", **NEW})
        with pytest.raises(signing_in.SignInThrottled):
            signing_in.check_password(email=EMAIL, password=PASSWORD, address="x", now=clock.now())

    def test_refuses_a_weak_one_at_its_field(self) -> None:
        people.person(cast.organization())
        weak = {"old": PASSWORD, "password": "short", "again": "short"}
        answer = signed_in().post("/account/security", weak)
        assert (answer.status_code, "too short" in answer.content.decode()) == (422, True)


class TestProfile:
    """Name, language, zone."""

    def test_is_kept_and_used(self) -> None:
        people.person(cast.organization())
        client = signed_in()
        body = {"name": "<b>Ann</b>", "language": "ko", "time_zone": "Asia/Seoul"}
        answer = client.post("/account", body)
        assert (answer.status_code, answer.cookies["django_language"].value) == (302, "ko")
        page = client.get("/account/security").content.decode()
        assert "KST" in page
        assert "<b>Ann</b>" not in page
        assert User.objects.get().name == "<b>Ann</b>"

    @pytest.mark.parametrize("change", [{"time_zone": "Moon/Base"}, {"language": "xx"}, {"name": "x" * 201}])
    def test_is_refused_with_the_field_told(self, change: dict[str, str]) -> None:
        people.person(cast.organization())
        assert signed_in().post("/account", {"name": "Ann", **change}).status_code == 422

    def test_needs_somebody_signed_in(self, client: Client) -> None:
        for place in ("/account", "/account/security"):
            assert client.get(place)["Location"].startswith("/login?")


class TestMailSetting:
    """DOS_SMTP_URL."""

    def test_is_read_as_a_url(self) -> None:
        found = env.mail("smtp://me:s%40fe@mail.example")
        assert (found["host"], found["port"], found["password"], found["starttls"]) == (
            "mail.example",
            587,
            "s@fe",
            True,
        )
        assert env.mail("smtps://mail.example")["port"] == 465

    @pytest.mark.parametrize("url", ["mail.example", "http://mail.example", "smtp://"])
    def test_stops_the_start_where_it_cannot_be_understood(self, url: str) -> None:
        with pytest.raises(env.ImproperlyConfigured, match="DOS_SMTP_URL"):
            env.mail(url)


def test_the_window_of_the_throttle_is_a_quarter_of_an_hour() -> None:
    assert timedelta(minutes=15) == signing_in.WINDOW
