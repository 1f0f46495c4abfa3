"""The path form of naming an organization, by rule and over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from tenancy.access.paths import TenantPathMiddleware
from tests.tenancy import cast


def _rewritten(path: str) -> tuple[str, str]:
    seen: dict[str, Any] = {}

    def view(request: HttpRequest) -> HttpResponse:
        seen.update(path=request.path, info=request.path_info, tenant=getattr(request, "tenant_in_path", ""))
        return HttpResponse()

    TenantPathMiddleware(view)(RequestFactory().get(path))
    assert seen["path"] == seen["info"]
    return seen["path"], seen["tenant"]


class TestRewriting:
    """Which paths name an organization."""

    @pytest.mark.parametrize("path", ["/t/acme/decide/loan", "/api/v1/t/acme/decide/loan"])
    def test_takes_the_name_out_of_the_path(self, path: str) -> None:
        assert _rewritten(path) == ("/api/v1/decide/loan", "acme")

    @pytest.mark.parametrize(
        "path",
        ["/api/v1/whoami", "/t/acme", "/t/acme/", "/t//whoami", "/t/acme/t/other/config", "/admin/t/a/b"],
    )
    def test_leaves_every_other_path_alone(self, path: str) -> None:
        assert _rewritten(path) == (path, "")


@pytest.mark.django_db
@pytest.mark.requirement("D-D19")
class TestServing:
    """The same door under both paths."""

    @pytest.mark.parametrize("prefix", ["/t", "/api/v1/t"])
    def test_opens_to_the_organizations_own_key_alone(self, prefix: str) -> None:
        one, two = cast.actor(), cast.actor(slug="other")
        own = Client().get(f"{prefix}/acme/whoami", headers={"X-Api-Key": one.raw})
        assert own.json()["tenant"] == "acme"
        crossed = Client().get(f"{prefix}/acme/whoami", headers={"X-Api-Key": two.raw})
        assert (crossed.status_code, crossed.json()["code"]) == (403, "tenant_mismatch")
        assert Client().get(f"{prefix}/acme/whoami").status_code == 401

    def test_refuses_a_header_that_says_otherwise(self) -> None:
        one = cast.actor()
        headers = {"X-Api-Key": one.raw, "X-Tenant-ID": "other"}
        assert Client().get("/t/acme/whoami", headers=headers).status_code == 400

    def test_finds_nothing_under_two_names(self) -> None:
        one = cast.actor()
        answer = Client().get("/t/acme/t/other/config", headers={"X-Api-Key": one.raw})
        assert answer.status_code == 404

    def test_keeps_the_bound_on_bodies(self, settings: Any) -> None:
        settings.DOS_MAX_BODY_BYTES = 100
        one = cast.actor()
        answer = Client().post(
            "/t/acme/keys", b"x" * 101, content_type="application/json", headers={"X-Api-Key": one.raw}
        )
        assert answer.status_code == 413
