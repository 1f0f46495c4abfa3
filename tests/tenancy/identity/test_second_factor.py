"""The second factor: enrolled with a picture, shown at sign-in, recovered once, demanded of staff."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from decisionos.kernel.tenants import scope
from tenancy.identity import second_factor
from tests.tenancy import cast
from tests.tenancy.identity import people
from tests.tenancy.identity.people import browser, code_of, enrolled, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def demanding(settings: Any) -> Any:
    """Return the settings of an installation that excuses nobody."""
    settings.DOS_DEMO = False
    return settings


class TestEnrolment:
    """Putting an app in force."""

    def test_shows_a_picture_and_the_secret_and_takes_the_first_code(self) -> None:
        one = cast.actor()
        user = people.person(one.organization)
        client = signed_in()
        page = client.get("/login/second-factor?next=/account/security").content.decode()
        device = TOTPDevice.objects.get(user=user)
        assert "<svg" in page
        assert second_factor.secret_of(device) in page
        assert "style=" not in page
        wrong = client.post("/login/second-factor", {"code": "000000"})
        assert wrong.status_code == 422
        assert not second_factor.has_one(user)
        done = client.post("/login/second-factor", {"code": code_of(device), "next": "/account/security"})
        assert done.status_code == 200
        assert done["Cache-Control"].startswith("max-age=0")
        assert second_factor.has_one(user)
        assert 'href="/account/security"' in done.content.decode()
        assert client.get("/account").status_code == 200
        assert "access.second_factor_enrolled" in one.kinds()

    def test_keeps_the_same_secret_until_it_is_confirmed(self) -> None:
        user = people.person()
        assert second_factor.begin(user) == second_factor.begin(user)

    def test_replaces_the_app_that_was_in_force(self) -> None:
        user = people.person()
        old, _ = enrolled(user)
        new, _ = enrolled(user)
        assert list(TOTPDevice.objects.filter(user=user)) == [new]
        assert old != new

    def test_is_closed_to_whoever_has_not_shown_the_present_one(self) -> None:
        enrolled(people.person(cast.organization()))
        client = signed_in()
        assert client.get("/login/second-factor")["Location"].startswith("/login?")
        assert client.post("/login/second-factor", {"code": "123456"}).status_code == 302


class TestRecovery:
    """Codes for the day without a phone."""

    def test_are_kept_as_hashes_and_open_once_each(self) -> None:
        user = people.person()
        _, codes = enrolled(user)
        stored = set(StaticToken.objects.values_list("token", flat=True))
        assert len(codes) == len(stored) == second_factor.NUMBER_OF_CODES
        assert not stored & {code.replace("-", "") for code in codes}
        assert second_factor.match(user, codes[0].upper().replace("-", " - ")) is not None
        assert second_factor.match(user, codes[0]) is None
        assert second_factor.count_recovery_codes(user) == 9

    def test_are_not_opened_by_what_is_stored(self) -> None:
        user = people.person()
        enrolled(user)
        stored = StaticToken.objects.values_list("token", flat=True)[0]
        assert second_factor.match(user, stored) is None

    def test_of_another_person_open_nothing(self) -> None:
        _, codes = enrolled(people.person())
        bob = people.person(email="bob@example.com")
        enrolled(bob)
        assert second_factor.match(bob, codes[0]) is None

    def test_are_replaced_from_the_account_and_shown_once(self) -> None:
        user = people.person(cast.organization())
        _, codes = enrolled(user)
        client = signed_in()
        client.post("/login", {"code": codes[0]})
        shown = client.post("/account/security/codes")
        assert (shown.status_code, shown["Cache-Control"]) == (200, "no-store")
        assert second_factor.match(user, codes[1]) is None


class TestSignIn:
    """The second step."""

    def test_is_asked_before_any_page_and_any_call(self) -> None:
        user = people.person(cast.organization())
        device, _ = enrolled(user)
        client = signed_in()
        assert client.get("/account")["Location"].startswith("/login?")
        answer = client.get("/api/v1/whoami")
        assert (answer.status_code, answer.json()["code"]) == (401, "second_factor_required")
        before = client.session.session_key
        done = client.post("/login", {"code": code_of(device), "next": "/account"})
        assert (done.status_code, done["Location"]) == (302, "/account")
        assert client.session.session_key != before
        assert client.get("/account").status_code == 200
        assert client.get("/api/v1/whoami").status_code == 200

    @pytest.mark.parametrize("code", ["000000", "abcde-fghjk", "", "x" * 33])
    def test_refuses_a_wrong_code(self, code: str) -> None:
        enrolled(people.person(cast.organization()))
        client = signed_in()
        assert client.post("/login", {"code": code}).status_code == 422
        assert client.get("/account").status_code == 302

    def test_takes_a_code_once(self) -> None:
        user = people.person(cast.organization())
        device, _ = enrolled(user)
        code = code_of(device)
        assert signed_in().post("/login", {"code": code}).status_code == 302
        device.refresh_from_db()
        assert signed_in().post("/login", {"code": code}).status_code == 422

    def test_is_throttled_by_person(self) -> None:
        enrolled(people.person(cast.organization()))
        client = signed_in()
        answers = [client.post("/login", {"code": "abcde-fghjk"}).status_code for _ in range(12)]
        assert (answers[0], answers[-1]) == (422, 429)

    @pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
    def test_never_leads_to_another_site(self, wanted: str) -> None:
        people.person(cast.organization())
        client = browser()
        answer = client.post("/login", {"email": people.EMAIL, "password": people.PASSWORD, "next": wanted})
        assert "evil" not in client.get(answer["Location"])["Location"]


class TestStaff:
    """Those who run the installation."""

    def _staff(self) -> Client:
        people.person(cast.organization(), is_staff=True, is_superuser=True)
        return signed_in()

    def test_must_enrol_one_before_anything_else(self, demanding: Any) -> None:
        client = self._staff()
        assert client.get("/account")["Location"].startswith("/login?")
        assert client.get("/login")["Location"].startswith("/login/second-factor")
        assert client.get("/api/v1/whoami").status_code == 401
        admin = client.get("/admin/", follow=True)
        assert admin.redirect_chain[-1][0].startswith("/login/second-factor")
        assert "Staff of this installation" in admin.content.decode()

    def test_see_the_admin_once_they_have(self, demanding: Any) -> None:
        client = self._staff()
        client.get("/login/second-factor")
        device = TOTPDevice.objects.get()
        client.post("/login/second-factor", {"code": code_of(device)})
        assert client.get("/admin/").status_code == 200

    def test_may_not_go_without_again(self, demanding: Any) -> None:
        client = self._staff()
        client.get("/login/second-factor")
        device = TOTPDevice.objects.get()
        client.post("/login/second-factor", {"code": code_of(device)})
        assert client.post("/account/security/without", {"code": code_of(device)}).status_code == 409
        assert TOTPDevice.objects.filter(confirmed=True).exists()

    def test_of_a_demonstration_may_do_without_and_are_told_on_every_page(self) -> None:
        client = self._staff()
        assert client.get("/admin/").status_code == 200
        assert "without a second factor" in client.get("/account").content.decode()

    def test_of_a_demonstration_show_it_once_they_have_one(self) -> None:
        user = people.person(cast.organization(), is_staff=True, is_superuser=True)
        enrolled(user)
        client = signed_in()
        assert client.get("/admin/", follow=True).redirect_chain[-1][0].startswith("/login")

    def test_in_production_are_never_excused(self, settings: Any) -> None:
        settings.PRODUCTION = True
        assert not second_factor.is_excused()


class TestRemoval:
    """Going without."""

    def test_needs_a_present_code(self) -> None:
        one = cast.actor()
        user = people.person(one.organization)
        device, codes = enrolled(user)
        client = signed_in()
        client.post("/login", {"code": codes[0]})
        assert client.post("/account/security/without", {"code": "000000"}).status_code == 422
        assert second_factor.has_one(user)
        assert client.post("/account/security/without", {"code": code_of(device)}).status_code == 302
        assert not second_factor.has_one(user)
        assert one.kinds()[-1] == "access.second_factor_removed"
        with scope.tenant_scope(one.organization.id):
            assert client.get("/account").status_code == 200
