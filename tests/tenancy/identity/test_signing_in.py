"""Signing in: throttled, timed alike for everybody, a new session each, three at most, all on record."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.db import connection

from decisionos.kernel import clock
from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.tenants import scope
from tenancy.identity import mailing, signing_in
from tenancy.identity.models import SignIn, SignInFailure
from tests.tenancy import cast
from tests.tenancy.identity import people
from tests.tenancy.identity.people import EMAIL, PASSWORD, browser, signed_in

pytestmark = pytest.mark.django_db
NOW = clock.now()


def _try(email: str = EMAIL, password: str = "wrong", address: str = "203.0.113.5", now: Any = NOW) -> None:
    signing_in.check_password(email=email, password=password, address=address, now=now)


class TestPassword:
    """Proving who one is."""

    def test_is_told_by_the_right_password_whatever_the_case_of_the_address(self) -> None:
        user = people.person()
        found = signing_in.check_password(email="ANN@example.com ", password=PASSWORD, address="x", now=NOW)
        assert found == user
        assert SignInFailure.objects.filter(scope__startswith="account:").count() == 0

    @pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
    def test_is_refused_in_the_same_words_for_everybody(self, email: str) -> None:
        people.person()
        with pytest.raises(signing_in.SignInRefused, match="do not belong together"):
            _try(email)

    def test_is_refused_to_somebody_who_was_switched_off(self) -> None:
        user = people.person()
        user.is_active = False
        user.save()
        with pytest.raises(signing_in.SignInRefused):
            _try(password=PASSWORD)

    def test_costs_one_hash_whether_the_account_exists_or_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        people.person()
        spent: list[float] = []
        for email in (EMAIL, "nobody@example.com"):
            times = []
            for attempt in range(3):
                began = time.perf_counter()
                with pytest.raises(signing_in.SignInRefused):
                    _try(email, address=f"a{attempt}")
                times.append(time.perf_counter() - began)
            spent.append(min(times))
        assert 0.4 < spent[0] / spent[1] < 2.5

    def test_leaves_the_failure_in_the_audit_log_without_the_address_of_the_account(
        self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(logging.getLogger("decisionos.audit"), "propagate", True)
        people.person()
        with (
            caplog.at_level(logging.INFO, logger="decisionos.audit"),
            pytest.raises(signing_in.SignInRefused),
        ):
            _try()
        record: Any = next(item for item in caplog.records if item.message == "access.sign_in_failed")
        assert record.address == "203.0.113.5"
        assert EMAIL not in str(record.__dict__)


class TestThrottle:
    """Too many attempts."""

    def test_closes_an_account_for_a_while_even_to_the_right_password(self) -> None:
        people.person()
        for attempt in range(signing_in.MOST_BY_ACCOUNT):
            with pytest.raises(signing_in.SignInRefused):
                _try(address=f"10.0.0.{attempt}")
        with pytest.raises(signing_in.SignInThrottled) as caught:
            _try(password=PASSWORD)
        assert 0 < caught.value.extra["retry_after"] <= 900
        _try(password=PASSWORD, now=NOW + signing_in.WINDOW)

    def test_treats_an_account_that_does_not_exist_alike(self) -> None:
        for _ in range(signing_in.MOST_BY_ACCOUNT):
            with pytest.raises(signing_in.SignInRefused):
                _try("nobody@example.com")
        with pytest.raises(signing_in.SignInThrottled):
            _try("nobody@example.com")

    def test_closes_an_address_that_tries_many_accounts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(signing_in, "MOST_BY_ADDRESS", 5)
        people.person()
        for attempt in range(5):
            with pytest.raises(signing_in.SignInRefused):
                _try(f"user{attempt}@example.com")
        with pytest.raises(signing_in.SignInThrottled):
            _try(password=PASSWORD)
        _try(password=PASSWORD, address="198.51.100.7")

    def test_forgets_an_account_after_a_success(self) -> None:
        people.person()
        for _ in range(3):
            with pytest.raises(signing_in.SignInRefused):
                _try()
        _try(password=PASSWORD)
        assert not SignInFailure.objects.filter(scope__startswith="account:").exists()


@pytest.mark.django_db(transaction=True)
class TestManyAtOnce:
    """Attempts side by side."""

    def test_count_before_they_are_judged(self) -> None:
        told: list[str] = []

        def attempt() -> None:
            try:
                signing_in.count_attempt(email="x@example.com", address="a", now=NOW)
                told.append("judged")
            except signing_in.SignInThrottled:
                told.append("refused")
            finally:
                connection.close()

        crowd = [threading.Thread(target=attempt) for _ in range(signing_in.MOST_BY_ACCOUNT + 6)]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
        assert (told.count("judged"), told.count("refused")) == (signing_in.MOST_BY_ACCOUNT, 6)


class TestSession:
    """What a sign-in makes."""

    def test_has_a_key_of_its_own(self) -> None:
        people.person(cast.organization())
        client = browser()
        client.get("/login")
        planted = client.session
        planted["x"] = 1
        planted.save()
        client.cookies["sessionid"] = str(planted.session_key)
        signed_in(client=client)
        assert client.session.session_key != planted.session_key
        assert SignIn.objects.get().session_key == client.session.session_key

    def test_is_noted_with_device_and_address_and_in_the_ledger(self) -> None:
        place = cast.organization()
        people.person(place)
        signed_in()
        row = SignIn.objects.get()
        assert (row.device, row.address) == ("Firefox · Linux", "127.0.0.1")
        with scope.tenant_scope(place.id):
            assert Entry.objects.filter(kind="access.signed_in").count() == 1

    @pytest.mark.requirement("N-D71")
    def test_is_one_of_three_at_most(self) -> None:
        people.person(cast.organization())
        clients = [signed_in() for _ in range(4)]
        assert SignIn.objects.count() == signing_in.MOST_SIGN_INS
        assert [client.get("/account").status_code for client in clients] == [302, 200, 200, 200]

    def test_can_be_ended_from_another(self) -> None:
        user = people.person(cast.organization())
        one, two = signed_in(), signed_in()
        row = SignIn.objects.get(session_key=one.session.session_key)
        assert two.post(f"/account/sessions/{row.id}/end").status_code == 302
        assert one.get("/account").status_code == 302
        assert two.get("/account").status_code == 200
        assert Session.objects.count() == 1
        assert [one.session_key for one in signing_in.list_sign_ins(user)] == [two.session.session_key]

    def test_of_somebody_else_cannot_be_ended(self) -> None:
        place = cast.organization()
        people.person(place)
        people.person(place, email="bob@example.com")
        signed_in()
        bob = signed_in("bob@example.com")
        row = SignIn.objects.get(user__email=EMAIL)
        assert bob.post(f"/account/sessions/{row.id}/end").status_code == 404
        assert SignIn.objects.filter(id=row.id).exists()

    def test_all_others_end_at_once(self) -> None:
        people.person(cast.organization())
        one, two = signed_in(), signed_in()
        assert two.post("/account/sessions/end").status_code == 302
        assert (one.get("/account").status_code, two.get("/account").status_code) == (302, 200)

    def test_notes_the_last_minute_in_which_somebody_was_there(self) -> None:
        people.person(cast.organization())
        client = signed_in()
        SignIn.objects.update(last_seen_at=NOW - timedelta(days=1))
        cache.clear()
        client.get("/account")
        assert SignIn.objects.get().last_seen_at > NOW - timedelta(minutes=1)

    def test_from_a_new_device_is_told_by_mail(self) -> None:
        people.person(cast.organization())
        signed_in()
        signed_in(client=browser("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) Safari/605.1"))
        mailing.flush()
        assert [message.subject for message in mail.outbox] == ["A new sign-in to DecisionOS"]
        assert "Safari · iPhone" in mail.outbox[0].body

    def test_ends_with_signing_out(self) -> None:
        place = cast.organization()
        people.person(place)
        client = signed_in()
        assert client.post("/logout")["Location"] == "/login"
        assert client.get("/account").status_code == 302
        assert not SignIn.objects.exists()
        with scope.tenant_scope(place.id):
            assert Entry.objects.order_by("-id").values_list("kind", flat=True)[0] == "access.signed_out"
