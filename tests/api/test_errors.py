"""What goes wrong before, around and inside the views of the API is told as a problem document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client

from decisionos.kernel.web import middleware, problems
from tests.tenancy import cast

pytestmark = pytest.mark.django_db
JSON = "application/json"


def _told(answer: Any, status: int, code: str = "") -> dict[str, Any]:
    assert (answer.status_code, answer["Content-Type"]) == (status, problems.CONTENT_TYPE), answer.content
    body: dict[str, Any] = json.loads(answer.content)
    assert body["status"] == status
    assert body["type"] == f"urn:decisionos:error:{body['code']}"
    assert body["instance"].startswith("urn:correlation:")
    assert not code or body["code"] == code
    return body


def _client(**more: Any) -> Client:
    return Client(raise_request_exception=False, **more)


class TestAddress:
    """Where nothing stands, or not for this verb."""

    @pytest.mark.parametrize("verb", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"])
    @pytest.mark.parametrize(
        "path",
        ["/api/", "/api/v1/", "/api/v1/nothing", "/api/v2/whoami", "/t/acme/nothing", "/api/v1/whoami/"],
    )
    def test_is_not_found(self, verb: str, path: str) -> None:
        answer = _client().generic(verb, path)
        assert (answer.status_code, answer["Content-Type"]) == (404, problems.CONTENT_TYPE)
        assert verb == "HEAD" or _told(answer, 404, "not_found")

    def test_is_not_found_for_a_key_either(self) -> None:
        one = cast.actor()
        for path in ("/api/v1/nothing", "/t/acme/nothing"):
            _told(_client().get(path, headers={"X-Api-Key": one.raw}), 404, "not_found")

    @pytest.mark.parametrize("path", ["whoami", "keys", "decide/x", "decide/x/batch", "openapi.json"])
    def test_names_the_verbs_that_it_knows(self, path: str) -> None:
        one = cast.actor()
        answer = one.call("PATCH", path, {})
        _told(answer, 405, "method_not_allowed")
        assert {"GET", "POST"} & set(answer["Allow"].split(", "))

    def test_of_a_page_is_told_to_people_as_a_page(self) -> None:
        answer = _client().get("/nothing-here", headers={"Accept": "text/html"})
        assert answer.status_code in {302, 404}
        assert answer.get("Content-Type", "text/html").startswith("text/html")

    @pytest.mark.parametrize("path", ["/api/v1/contracts/a%00b", "/api/v1/consent/%00"])
    def test_with_a_null_character_is_not_found(self, path: str) -> None:
        _told(_client().get(path, headers={"X-Api-Key": cast.actor().raw}), 404)

    def test_of_an_organization_that_is_none_is_refused(self) -> None:
        one = cast.actor()
        for name in ("a%00b", "%2e%2e", "x" * 500, "%ff"):
            answer = _client().get(f"/t/{name}/whoami", headers={"X-Api-Key": one.raw})
            assert answer.status_code in {403, 404}
            _told(answer, answer.status_code)

    @pytest.mark.parametrize("path", ["keys?limit=%00", "decisions?q=a%00", "config?%00=1"])
    def test_with_a_null_character_in_its_query_is_refused(self, path: str) -> None:
        body = _told(cast.actor().call("GET", path), 422, "null_character")
        assert body["errors"]


class TestHost:
    """A host that is not served."""

    @pytest.mark.parametrize("path", ["/api/v1/whoami", "/t/acme/whoami", "/api/v1/nothing"])
    @pytest.mark.parametrize("host", ["evil.example", "a b", "localhost:port", ""])
    def test_is_refused_with_and_without_a_key(self, path: str, host: str) -> None:
        for headers in ({}, {"X-Api-Key": cast.actor(slug="acme").raw} if host == "evil.example" else {}):
            answer = _client().get(path, headers=headers, SERVER_NAME="evil.example", HTTP_HOST=host)
            _told(answer, 400, "host_refused")


class TestBody:
    """A body that cannot be read."""

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            (b"{", 400, "json_invalid"),
            (b"", 422, "invalid"),
            (b"\xff\xfe", 400, "json_invalid"),
            (b'{"name": "\xc3\x28"}', 400, "json_invalid"),
            (b'{"name": "\\ud800"}', 400, "json_invalid"),
            (b'{"name": NaN}', 400, "json_invalid"),
            (b'{"name": 1e999}', 400, "json_invalid"),
            (b'{"a":' * 101 + b"1" + b"}" * 101, 400, "json_invalid"),
            (b"[" * 100_000, 400, "json_invalid"),
            (b'{"name": "a\\u0000b"}', 422, "null_character"),
            (b'{"a\\u0000b": 1}', 422, "null_character"),
            (b"[]", 422, "invalid"),
            (b'"text"', 422, "invalid"),
            (b"null", 422, "invalid"),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_is_refused(self, body: bytes, status: int, code: str) -> None:
        one = cast.actor()
        answer = _client().generic("POST", "/api/v1/keys", body, JSON, headers={"X-Api-Key": one.raw})
        _told(answer, status, code)
        assert one.kinds().count("key.issued") <= 1

    @pytest.mark.parametrize(
        "kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "x"]
    )
    def test_of_another_media_type_is_refused(self, kind: str) -> None:
        one = cast.actor()
        answer = _client().generic("POST", "/api/v1/keys", b"name=x", kind, headers={"X-Api-Key": one.raw})
        _told(answer, 415, "unsupported_media_type")

    def test_of_a_broken_form_is_refused(self) -> None:
        headers = {"X-Api-Key": cast.actor().raw}
        for kind in (
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=x",
        ):
            answer = _client().generic("POST", "/api/v1/packs/import", b"--y\r\n", kind, headers=headers)
            assert answer.status_code in {400, 415, 422}
            _told(answer, answer.status_code)

    @pytest.mark.parametrize("path", ["/api/v1/keys", "/t/acme/keys", "/api/v1/decide/x", "/api/v1/nothing"])
    def test_past_the_limit_is_refused_before_it_is_read(self, path: str, settings: Any) -> None:
        settings.DOS_MAX_BODY_BYTES = 100
        one = cast.actor()
        answer = _client().post(path, b"x" * 101, JSON, headers={"X-Api-Key": one.raw})
        assert _told(answer, 413, "too_large")["limit"] == 100

    @pytest.mark.parametrize("length", ["-1", "1_0", "x", "+5", "9" * 30])
    def test_of_a_length_that_is_none_is_refused(self, length: str) -> None:
        answer = _client().post("/api/v1/keys", b"{}", JSON, CONTENT_LENGTH=length)
        _told(answer, 413 if length.isdigit() else 400)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", 5),
            ("name", ["x"]),
            ("name", True),
            ("role", None),
            ("scopes", "policy.read"),
            ("scopes", [1]),
            ("expires_in_days", "5"),
            ("expires_in_days", 1.5),
            ("expires_in_days", True),
            ("project_id", 7),
            ("expires_days", 5),
        ],
    )
    def test_says_which_field_is_unknown_or_of_another_type(self, field: str, value: Any) -> None:
        body = {"name": "k", "role": "read_only", field: value}
        told = _told(cast.actor().call("POST", "keys", body), 422)
        assert [problem["pointer"].split("/")[1] for problem in told["errors"]] == [field]


class TestAccept:
    """What the client takes."""

    def test_is_refused_where_nothing_fits(self) -> None:
        answer = _client().get(
            "/api/v1/whoami", headers={"X-Api-Key": cast.actor().raw, "Accept": "text/html"}
        )
        _told(answer, 406, "not_acceptable")


class TestLayers:
    """An error of a layer around the views, whichever it is."""

    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            (OperationalError("connection refused"), 503, "database_unavailable"),
            (SuspiciousOperation("odd"), 400, "bad_request"),
            (PermissionDenied("no"), 403, "denied"),
            (Http404("nothing"), 404, "not_found"),
            (RuntimeError("a secret of the inside"), 500, "internal_error"),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_is_told_without_its_inside(
        self, error: Exception, status: int, code: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(self: Any, request: HttpRequest) -> HttpResponse:
            raise error

        monkeypatch.setattr(middleware.ContentSecurityMiddleware, "__call__", broken)
        for path in ("/api/v1/whoami", "/t/acme/whoami"):
            body = _told(_client().get(path), status, code)
            assert "secret" not in json.dumps(body)
            assert "refused" not in body["detail"]
