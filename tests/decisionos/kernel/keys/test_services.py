"""Signing keys: one active per purpose, sealed at rest, verifiable after retirement."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.db import IntegrityError, connection, transaction

from decisionos.kernel import encryption
from decisionos.kernel.keys import services
from decisionos.kernel.keys.enums import KeyState
from decisionos.kernel.keys.models import SigningKey


@pytest.mark.django_db
class TestSign:
    """Signatures."""

    def test_makes_the_key_of_a_purpose_once(self) -> None:
        first, second = services.sign("test", b"a"), services.sign("test", b"b")
        assert first.kid == second.kid
        assert SigningKey.objects.get().purpose == "test"

    def test_verifies_the_same_bytes_for_the_same_purpose_only(self) -> None:
        signature = services.sign("test", b"a")
        services.sign("other", b"a")
        assert services.verify("test", b"a", signature)
        assert not services.verify("test", b"b", signature)
        assert not services.verify("other", b"a", signature)
        assert not services.verify("test", b"a", services.Signature("unknown", signature.value))
        assert not services.verify("test", b"a", services.Signature(signature.kid, b"short"))

    def test_keeps_the_private_half_sealed(self) -> None:
        services.sign("test", b"a")
        private = SigningKey.objects.get().private_key
        with connection.cursor() as cursor:
            cursor.execute("SELECT private_key FROM kernel_keys_signingkey")
            stored = bytes(cursor.fetchone()[0])
        assert private.encode() not in stored
        assert base64.b64decode(private) not in stored
        assert (
            encryption.open_sealed(stored, context=b"kernel_keys_signingkey.private_key") == private.encode()
        )

    def test_refuses_without_the_encryption_key(self, settings: Any) -> None:
        services.sign("test", b"a")
        settings.DOS_ENCRYPTION_KEYS = encryption.new_key("another")
        with pytest.raises(encryption.SealBroken):
            services.sign("test", b"a")


@pytest.mark.django_db
class TestRotateKey:
    """Rotation."""

    def test_retires_the_old_key_and_keeps_its_signatures_good(self) -> None:
        before = services.sign("test", b"a")
        services.rotate_key("test")
        after = services.sign("test", b"a")
        assert before.kid != after.kid
        assert services.verify("test", b"a", before)
        assert services.verify("test", b"a", after)
        assert (
            SigningKey.objects.filter(state=KeyState.RETIRED).values_list("kid", flat=True).get()
            == before.kid
        )

    def test_leaves_no_room_for_two_active_keys(self) -> None:
        services.ensure_key("test")
        with pytest.raises(IntegrityError), transaction.atomic():
            services._create("test")

    def test_of_the_encryption_key_keeps_the_signing_key(self, settings: Any) -> None:
        old, new = encryption.new_key("old"), encryption.new_key("new")
        settings.DOS_ENCRYPTION_KEYS = old
        signature = services.sign("test", b"a")
        settings.DOS_ENCRYPTION_KEYS = f"{new},{old}"
        assert services.rewrap_keys() == 1
        assert services.rewrap_keys() == 0
        settings.DOS_ENCRYPTION_KEYS = new
        assert services.sign("test", b"a").value == signature.value


@pytest.mark.django_db
class TestPublicKeys:
    """What everybody may have."""

    def test_are_published_as_jwks_and_pem(self) -> None:
        signature = services.sign("test", b"a")
        (jwk,) = services.jwks(["test"])["keys"]
        assert (jwk["kty"], jwk["crv"], jwk["kid"]) == ("OKP", "Ed25519", signature.kid)
        assert "d" not in jwk
        (key,) = services.public_keys("test")
        load_pem_public_key(key.pem().encode()).verify(signature.value, b"a")  # type: ignore[union-attr,call-arg]
        assert services.jwks(["none"]) == {"keys": []}

    def test_of_an_unknown_id_are_missing(self) -> None:
        with pytest.raises(services.KeyMissing):
            services.get_public_key("nobody")
