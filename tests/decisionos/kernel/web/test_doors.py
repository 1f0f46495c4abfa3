"""Correlation, limits, probes and problem documents, through the real middleware."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client, RequestFactory
from rest_framework import exceptions

from decisionos.kernel import correlation, errors
from decisionos.kernel.web import middleware, probes, problems


@pytest.mark.django_db(databases=["default", "platform"])
class TestProbes:
    """Health."""

    @pytest.mark.parametrize("path", ["/healthz", "/readyz", "/livez"])
    def test_answer_while_all_is_well(self, client: Client, path: str) -> None:
        assert client.get(path).status_code == 200

    def test_name_what_is_degraded_and_keep_serving(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(probes._degraded_checks, "sealer", lambda: "last run 90 s ago")
        answer = client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json()["degraded"]["sealer"] == "last run 90 s ago"

    def test_say_unavailable_when_the_database_is_down(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(probes, "_database", lambda statement: "connection refused")
        assert client.get("/readyz").status_code == 503
        assert client.get("/livez").status_code == 503
        assert client.get("/healthz").status_code == 200


class TestCorrelation:
    """The id that ties everything together."""

    def test_is_taken_from_the_caller(self, client: Client) -> None:
        assert client.get("/healthz", headers={"X-Corr-ID": "abc-1"})["X-Corr-ID"] == "abc-1"

    @pytest.mark.parametrize("bad", ["", "x" * 65, "a b", 'a"b'])
    def test_is_made_new_when_ill_formed(self, bad: str) -> None:
        assert correlation.enter(bad) != bad
        assert len(correlation.current()) == 32


class TestFaults:
    """Limits and dead databases."""

    def test_refuse_a_body_past_the_limit_before_reading_it(self) -> None:
        request = RequestFactory().post("/api/v1/decide/x", b"{}", content_type="application/json")
        request.META["CONTENT_LENGTH"] = "1000001"
        answer = middleware.FaultMiddleware(lambda r: pytest.fail("was read"))(request)
        assert answer.status_code == 413
        assert json.loads(answer.content)["limit"] == 1_000_000  # type: ignore[attr-defined]

    def test_turn_a_dead_database_into_503(self) -> None:
        answer = problems.response(OperationalError("gone"))
        body = json.loads(answer.content)
        assert (answer.status_code, body["code"]) == (503, "database_unavailable")
        assert answer["Retry-After"] == "1"
        assert answer["Content-Type"] == "application/problem+json"


class TestProblems:
    """One shape for everything that goes wrong."""

    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            (errors.NotFound("no such contract", code="contract_not_found"), 404, "contract_not_found"),
            (exceptions.NotAuthenticated(), 401, "unauthenticated"),
            (exceptions.ParseError(), 400, "bad_request"),
            (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
            (exceptions.UnsupportedMediaType("text/plain"), 415, "unsupported_media_type"),
            (exceptions.Throttled(), 429, "throttled"),
        ],
    )
    def test_carry_status_and_code(self, error: Exception, status: int, code: str) -> None:
        refusal = problems.from_exception(error)
        assert (refusal.status, refusal.code) == (status, code)

    def test_name_each_field_by_json_pointer(self) -> None:
        error = exceptions.ValidationError({"a": ["wrong"], "b": {"c/d": ["too long"]}, "e": [{"f": ["x"]}]})
        refusal = problems.from_exception(error)
        assert [entry["pointer"] for entry in refusal.errors] == ["/a", "/b/c~1d", "/e/0/f"]

    def test_hide_what_an_unknown_error_says(self) -> None:
        body: dict[str, Any] = problems.body(problems.from_exception(RuntimeError("secret path")))
        assert body["status"] == 500
        assert "secret" not in json.dumps(body)


class TestContentSecurity:
    """The policy on every answer."""

    def test_allows_own_files_only(self, client: Client) -> None:
        policy = client.get("/healthz")["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
