"""Which requests are let past the layers for people."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from decisionos.kernel.web import pages


class TestKeyed:
    """A request of a program."""

    @pytest.mark.parametrize(
        ("path", "headers", "expected"),
        [
            ("/api/v1/decide/lending", {"X-Api-Key": "dos_a_b"}, True),
            ("/t/acme/decide/lending", {"Authorization": "Bearer abc"}, True),
            ("/api/v1/decide/lending", {}, False),
            # Whoever authenticates takes these for a person's request: the session must be there.
            ("/api/v1/decide/lending", {"X-Api-Key": "  "}, False),
            ("/api/v1/decide/lending", {"Authorization": "Bearer "}, False),
            ("/api/v1/decide/lending", {"Authorization": "Basic YTpi"}, False),
            ("/admin/", {"X-Api-Key": "dos_a_b"}, False),
        ],
    )
    def test_carries_a_credential_of_its_own_to_the_api(
        self, path: str, headers: dict[str, str], expected: bool
    ) -> None:
        assert pages.is_keyed(RequestFactory().get(path, headers=headers)) is expected

    @pytest.mark.django_db(databases="__all__")
    @pytest.mark.parametrize("key", ["  ", "Bearer", "x"])
    def test_is_refused_and_not_failed_where_the_credential_is_none(self, client: object, key: str) -> None:
        response = client.get("/api/v1/decisions", headers={"X-Api-Key": key})  # type: ignore[attr-defined]
        assert response.status_code == 401
        assert response["Content-Type"] == "application/problem+json"
