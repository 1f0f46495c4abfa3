"""The consent register: when a consent counts, who may write it, what is left of it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from decisionos.kernel import clock
from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.tenants import scope
from tenancy.privacy import selectors, services
from tenancy.privacy.models import Consent
from tests.tenancy import cast

pytestmark = pytest.mark.django_db
NOW = clock.now()
BODY = {
    "subject_id": "person-17",
    "purpose": "credit_decision",
    "doc_hash": "a" * 64,
    "scope": ["income", "bureau"],
    "ttl": 3600,
}


class TestConsent:
    """When it counts."""

    def test_counts_from_its_grant_until_its_very_end(self) -> None:
        end = NOW + timedelta(hours=1)
        with scope.tenant_scope(cast.organization().id):
            services.grant_consent(subject="p", purpose="credit", expires_at=end, now=NOW)
            ask = {"subject": "p", "purpose": "credit"}
            assert selectors.has_consent(**ask, now=NOW)
            assert selectors.has_consent(**ask, now=end - timedelta(microseconds=1))
            assert not selectors.has_consent(**ask, now=end)
            assert not selectors.has_consent(**ask, now=NOW - timedelta(seconds=1))

    def test_counts_for_its_person_and_purpose_only(self) -> None:
        with scope.tenant_scope(cast.organization().id):
            services.grant_consent(subject="p", purpose="credit", now=NOW)
            assert not selectors.has_consent(subject="q", purpose="credit", now=NOW)
            assert not selectors.has_consent(subject="p", purpose="marketing", now=NOW)

    def test_of_another_organization_never_counts(self) -> None:
        one, two = cast.organization(), cast.organization("other")
        with scope.tenant_scope(one.id):
            services.grant_consent(subject="p", purpose="credit", now=NOW)
        with scope.tenant_scope(two.id):
            assert not selectors.has_consent(subject="p", purpose="credit", now=NOW)
            with pytest.raises(services.ConsentMissing):
                services.require_consent(subject="p", purpose="credit", now=NOW)

    def test_is_hashed_differently_for_each_organization(self) -> None:
        hashes = []
        for slug in ("acme", "other"):
            with scope.tenant_scope(cast.organization(slug).id):
                hashes.append(services.hash_subject("p"))
        assert hashes[0] != hashes[1]


class TestApi:
    """The register over HTTP."""

    @pytest.mark.requirement("B-D8")
    def test_grants_lists_and_revokes(self) -> None:
        one = cast.actor("agent")
        made = one.call("POST", "consent/grant", BODY)
        assert made.status_code == 201
        assert (made.json()["status"], made.json()["scope"]) == ("active", ["bureau", "income"])
        for place in ("consent/person-17", "consent?subject_id=person-17"):
            listed = one.call("GET", place).json()["results"]
            assert [(row["id"], row["subject_id"]) for row in listed] == [(made.json()["id"], "person-17")]
        assert one.call("GET", "consent").json()["results"][0]["subject_id"] is None
        ended = {"subject_id": "person-17", "purpose": "credit_decision"}
        assert one.call("POST", "consent/revoke", ended).status_code == 204
        assert one.call("GET", "consent/person-17").json()["results"][0]["status"] == "revoked"
        again = one.call("POST", "consent/revoke", ended)
        assert (again.status_code, again.json()["code"]) == (404, "consent_not_found")
        assert one.kinds()[-2:] == ["consent.granted", "consent.revoked"]

    def test_revokes_every_purpose_where_none_is_named(self) -> None:
        one = cast.actor("agent")
        for purpose in ("credit", "marketing"):
            one.call("POST", "consent/grant", {**BODY, "purpose": purpose})
        assert one.call("POST", "consent/revoke", {"subject_id": "person-17"}).status_code == 204
        assert {row["status"] for row in one.call("GET", "consent").json()["results"]} == {"revoked"}
        assert one.call("POST", "consent/revoke", {"subject_id": "person-17"}).status_code == 404

    @pytest.mark.requirement("B-D8")
    @pytest.mark.parametrize(
        ("role", "read", "write"),
        [
            ("owner", 200, 201),
            ("admin", 200, 201),
            ("agent", 200, 201),
            ("auditor", 200, 403),
            ("read_only", 200, 403),
            ("reviewer", 403, 403),
            ("billing_admin", 403, 403),
            ("security_admin", 403, 403),
            ("project_admin", 403, 403),
        ],
    )
    def test_opens_to_each_role_as_the_route_table_says(self, role: str, read: int, write: int) -> None:
        one = cast.actor(role)
        assert one.call("GET", "consent").status_code == read
        assert one.call("POST", "consent/grant", BODY).status_code == write

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"ttl": 59}, "/ttl"),
            ({"doc_hash": "short"}, "/doc_hash"),
            ({"purpose": "Credit Decision"}, "/purpose"),
            ({"scope": ["UPPER"]}, "/scope/0"),
            ({"subject_id": ""}, "/subject_id"),
            ({"expires_at": "2030-01-01T00:00:00Z"}, "/ttl"),
        ],
    )
    def test_refuses_with_the_field_named(self, change: dict[str, object], pointer: str) -> None:
        one = cast.actor("agent")
        answer = one.call("POST", "consent/grant", {**BODY, **change})
        assert answer.status_code == 422
        assert pointer in {problem["pointer"] for problem in answer.json()["errors"]}
        assert one.call("GET", "consent").json()["results"] == []

    @pytest.mark.parametrize("place", ["consent?purpose=%00", "consent/grant"])
    def test_refuses_null_characters(self, place: str) -> None:
        one = cast.actor("agent")
        method, body = ("POST", {**BODY, "subject_id": "a\x00"}) if place.endswith("grant") else ("GET", None)
        assert one.call(method, place, body).status_code == 422

    def test_shows_nothing_of_another_organization(self) -> None:
        one, two = cast.actor(), cast.actor(slug="other")
        one.call("POST", "consent/grant", BODY)
        assert two.call("GET", "consent/person-17").json()["results"] == []
        assert two.call("POST", "consent/revoke", {"subject_id": "person-17"}).status_code == 404
        assert two.call("POST", "consent/erase", {"subject_id": "person-17"}).status_code == 404

    def test_destroys_the_evidence_and_keeps_the_fact(self) -> None:
        one = cast.actor()
        one.call("POST", "consent/grant", {**BODY, "evidence": {"signature": "Ann Example"}})
        with scope.tenant_scope(one.organization.id):
            assert "Ann Example" in str(Consent.objects.get().evidence)
        answer = one.call("POST", "consent/erase", {"subject_id": "person-17"})
        assert (answer.status_code, answer.json()["destroyed"]) == (200, 1)
        assert one.call("GET", "consent/person-17").json()["results"][0]["status"] == "destroyed"
        with scope.tenant_scope(one.organization.id):
            assert Consent.objects.get().evidence is None
            assert not selectors.has_consent(subject="person-17", purpose="credit_decision", now=clock.now())

    def test_leaves_no_personal_data_in_the_ledger(self) -> None:
        one = cast.actor()
        one.call("POST", "consent/grant", {**BODY, "evidence": {"signature": "Ann Example"}})
        one.call("POST", "consent/erase", {"subject_id": "person-17"})
        with scope.tenant_scope(one.organization.id):
            told = json.dumps(list(Entry.objects.values_list("payload", flat=True)))
        assert "person-17" not in told
        assert "Ann" not in told
