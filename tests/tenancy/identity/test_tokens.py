"""Tokens over a rotation of their signing key."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest

from decisionos.kernel import clock
from decisionos.kernel.keys import services as signing
from decisionos.kernel.tenants import scope
from tenancy.identity import keys, tokens
from tenancy.organizations import services as organizations

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform", "owner"])


@pytest.fixture
def known() -> Iterator[keys.KnownKey]:
    """A key of an organization."""
    tokens.forget()
    keys.forget()
    made = organizations.create_organization(slug="house", name="House")
    with scope.tenant_scope(made.id):
        raw = keys.issue_key(name="one", role="agent")[1]
    yield keys.authenticate_key(raw)
    tokens.forget()


class TestAuthenticateToken:
    """A token shown."""

    def test_recognises_one_signed_just_after_a_rotation_and_one_signed_before(
        self, known: keys.KnownKey
    ) -> None:
        now = clock.now()
        before = tokens.issue_token(known, now=now)
        assert tokens.authenticate_token(before, now=now).id == known.id
        signing.rotate_key(tokens.PURPOSE)
        after = tokens.issue_token(known, now=now)
        assert tokens.authenticate_token(after, now=now).id == known.id
        assert tokens.authenticate_token(before, now=now).id == known.id

    @pytest.mark.parametrize("header", [[], {}, {"kid": 7}, {"kid": None}, {"kid": "tokens-unknown"}, "x", 1])
    def test_refuses_a_header_that_names_no_key_of_ours(self, known: keys.KnownKey, header: object) -> None:
        token = tokens.issue_token(known, now=clock.now())
        if isinstance(header, dict):
            header = {"alg": "Ed25519", "typ": "JWT", **header}
        segment = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
        with pytest.raises(tokens.TokenInvalid):
            tokens.authenticate_token(f"{segment}.{token.split('.', 1)[1]}", now=clock.now())

    def test_refuses_a_header_that_is_no_json(self, known: keys.KnownKey) -> None:
        token = tokens.issue_token(known, now=clock.now())
        for segment in ("A", "AAAA", "_" * 9, "e30x"):
            with pytest.raises(tokens.TokenInvalid):
                tokens.authenticate_token(f"{segment}.{token.split('.', 1)[1]}", now=clock.now())


class TestIssueToken:
    """A token made."""

    def test_names_the_key_that_signed_it_whatever_is_rotated_meanwhile(
        self, known: keys.KnownKey, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        signer = signing.signer

        def meanwhile(purpose: str) -> signing.Signer:
            found = signer(purpose)
            signing.rotate_key(purpose)
            return found

        monkeypatch.setattr(signing, "signer", meanwhile)
        token = tokens.issue_token(known, now=clock.now())
        assert tokens.authenticate_token(token, now=clock.now()).id == known.id
