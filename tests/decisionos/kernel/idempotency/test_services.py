"""Kept answers: one effect per key."""

from __future__ import annotations

import uuid

import pytest

from decisionos.kernel.idempotency import services
from decisionos.kernel.tenants import scope

ONE, TWO = uuid.UUID(int=1), uuid.UUID(int=2)


@pytest.mark.django_db
class TestBegin:
    """Claiming a key."""

    def test_claims_a_new_key(self) -> None:
        with scope.tenant_scope(ONE):
            assert services.begin(key="a", fingerprint="f") is None

    def test_gives_the_first_answer_again(self) -> None:
        with scope.tenant_scope(ONE):
            services.begin(key="a", fingerprint="f")
            services.finish(key="a", status=201, body={"id": 7})
            stored = services.begin(key="a", fingerprint="f")
        assert stored is not None
        assert (stored.status, stored.answer) == (201, {"id": 7})

    def test_refuses_the_key_for_another_body(self) -> None:
        with scope.tenant_scope(ONE):
            services.begin(key="a", fingerprint="f")
            with pytest.raises(services.KeyReused):
                services.begin(key="a", fingerprint="g")

    def test_keeps_the_keys_of_two_tenants_apart(self) -> None:
        with scope.tenant_scope(ONE):
            services.begin(key="a", fingerprint="f")
        with scope.tenant_scope(TWO):
            assert services.begin(key="a", fingerprint="g") is None

    @pytest.mark.parametrize("key", ["x" * 256, "a\x00b", "line\nbreak"])
    def test_refuses_a_key_that_is_too_long_or_unprintable(self, key: str) -> None:
        with scope.tenant_scope(ONE), pytest.raises(services.KeyInvalid):
            services.begin(key=key, fingerprint="f")


class TestFingerprint:
    """What identifies a request."""

    def test_differs_by_route_and_by_body(self) -> None:
        marks = {
            services.fingerprint("/a", b"1"),
            services.fingerprint("/b", b"1"),
            services.fingerprint("/a", b"2"),
        }
        assert len(marks) == 3
