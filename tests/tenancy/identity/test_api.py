"""The token endpoint: fifteen minutes, one algorithm, a second factor where there is one."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from decisionos.kernel import clock
from decisionos.kernel.tenants import scope
from tenancy.identity import keys, services, tokens
from tests.tenancy import cast

pytestmark = pytest.mark.django_db
ASK = {"grant_type": "client_credentials"}


@pytest.fixture(autouse=True)
def _no_remembered_key_set() -> None:
    tokens.forget()


def _basic(name: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def _token(one: cast.Actor) -> str:
    answer = cast.call("POST", "auth/token", ASK, Authorization=_basic(one.key.prefix, one.raw))
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    return str(answer.json()["access_token"])


class TestToken:
    """Tokens for keys."""

    def test_opens_what_its_key_opens(self) -> None:
        one = cast.actor("auditor")
        answer = cast.call("GET", "whoami", Authorization=f"Bearer {_token(one)}")
        assert answer.status_code == 200
        assert answer.json()["roles"] == ["auditor"]

    def test_is_refused_once_its_key_is_revoked(self) -> None:
        one = cast.actor()
        token = _token(one)
        with scope.tenant_scope(one.organization.id):
            keys.revoke_key(key_id=one.key.id)
        assert cast.call("GET", "whoami", Authorization=f"Bearer {token}").status_code == 401

    def test_ends_after_fifteen_minutes(self) -> None:
        token = _token(cast.actor())
        later = clock.now() + timedelta(seconds=tokens.LIFETIME_SECONDS)
        with pytest.raises(tokens.TokenInvalid, match="expired"):
            tokens.authenticate_token(token, now=later)

    @pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256", "EdDSA"])
    def test_is_refused_under_another_algorithm(self, algorithm: str) -> None:
        header, body, signature = _token(cast.actor()).split(".")
        raw = json.loads(base64.urlsafe_b64decode(header + "=="))
        forged = (
            base64.urlsafe_b64encode(json.dumps({**raw, "alg": algorithm}).encode()).rstrip(b"=").decode()
        )
        with pytest.raises(tokens.TokenInvalid):
            tokens.authenticate_token(f"{forged}.{body}.{signature}", now=clock.now())

    def test_is_refused_when_its_claims_were_changed(self) -> None:
        header, body, signature = _token(cast.actor()).split(".")
        claims = json.loads(base64.urlsafe_b64decode(body + "=="))
        claims["exp"] += 3600
        forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
        with pytest.raises(tokens.TokenInvalid):
            tokens.authenticate_token(f"{header}.{forged}.{signature}", now=clock.now())

    @pytest.mark.parametrize("tail", ["=", "==", "\n", " ", ".x"])
    def test_is_refused_with_padding_or_more_behind_it(self, tail: str) -> None:
        with pytest.raises(tokens.TokenInvalid):
            tokens.authenticate_token(_token(cast.actor()) + tail, now=clock.now())

    def test_is_verified_by_the_published_keys(self) -> None:
        token = _token(cast.actor())
        kid = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["kid"]
        published = cast.call("GET", "auth/jwks.json").json()["keys"]
        assert [(key["kid"], key["alg"], "d" in key) for key in published] == [(kid, "Ed25519", False)]


class TestRefusals:
    """What gets no token."""

    def test_is_a_wrong_name_for_the_key(self) -> None:
        one = cast.actor()
        assert cast.call("POST", "auth/token", ASK, Authorization=_basic("other", one.raw)).status_code == 401

    @pytest.mark.parametrize("grant", ["password", "implicit", ""])
    def test_is_another_grant(self, grant: str) -> None:
        one = cast.actor()
        answer = one.call("POST", "auth/token", {"grant_type": grant})
        assert answer.status_code in {400, 422}

    def test_is_no_key_at_all(self) -> None:
        assert cast.call("POST", "auth/token", ASK).status_code == 401
        assert cast.call("POST", "auth/token", ASK, Authorization="Basic ~~~").status_code == 401

    def test_is_a_secret_in_the_body_in_production(self, settings: object) -> None:
        one = cast.actor()
        body = {**ASK, "client_id": one.key.prefix, "client_secret": one.raw}
        assert cast.call("POST", "auth/token", body).status_code == 200
        settings.PRODUCTION = True  # type: ignore[attr-defined]
        assert cast.call("POST", "auth/token", body).status_code == 400


class TestSecondFactor:
    """A person's device."""

    def test_is_asked_for_where_there_is_one(self) -> None:
        organization = cast.organization()
        person = services.create_user(email="ann@example.com", password="correct horse battery")
        device = TOTPDevice.objects.create(user=person, name="phone", confirmed=True)
        one = cast.actor("", of=organization, kind="personal", user=person)
        answer = one.call("POST", "auth/token", ASK)
        assert (answer.status_code, answer.json()["code"]) == (401, "second_factor_required")
        assert one.call("POST", "auth/token", {**ASK, "otp": "abc"}).status_code == 401
        device.refresh_from_db()
        device.throttle_reset()
        step = device.step
        code = f"{totp(device.bin_key, step=step, t0=device.t0, digits=device.digits):0{device.digits}d}"
        assert one.call("POST", "auth/token", {**ASK, "otp": code}).status_code == 200
