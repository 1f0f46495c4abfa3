"""Each control passes, and fails when what it stands on is taken away."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from decisionos.kernel import canonical, clock, encryption, ids, masking
from decisionos.kernel.keys import services as keys
from decisionos.kernel.ledger.api import LedgerExportView, LedgerView
from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.tenants import scope
from evidence.binder import checks, controls, people, production
from tenancy.access import registry
from tenancy.identity import tokens as identity
from tenancy.privacy import services as privacy
from tenancy.privacy.models import Consent

pytestmark = pytest.mark.django_db(databases=["default"])


def _run(identifier: str) -> controls.Control:
    [item] = [check for check in controls.CHECKS if check[0] == identifier]
    return controls.run_check(*item)


@pytest.mark.requirement("A-M3")
@pytest.mark.requirement("A-D4")
class TestRunChecks:
    def test_all_six_pass(self) -> None:
        rows = controls.run_checks()
        assert [row for row in rows if not row.passed] == []
        assert [row.id for row in rows] == ["1", "2", "3", "4", "5", "6"]
        assert all(row.evidence for row in rows)

    def test_leaves_nothing_behind(self) -> None:
        tenant = ids.uuid7()
        with scope.tenant_scope(tenant):
            people.consent()
            assert Consent.objects.count() == 0
            assert Entry.objects.count() == 0

    def test_a_check_that_breaks_down_fails(self) -> None:
        def boom() -> str:
            raise ZeroDivisionError

        assert controls.run_check("x", "t", boom) == controls.Control(
            "x", "t", False, "could not be examined: ZeroDivisionError"
        )


class TestEncryption:
    def test_fails_without_keys(self, settings: Any) -> None:
        settings.DOS_ENCRYPTION_KEYS = ""
        assert not _run("1").passed

    def test_fails_when_values_are_stored_in_clear(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(encryption, "seal", lambda plain, context: plain)
        assert "contains the text" in _run("1").evidence

    def test_fails_when_a_bad_key_is_accepted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ring = encryption.ring()
        monkeypatch.setattr(encryption, "parse_ring", lambda raw: ring)
        assert "malformed key" in _run("1").evidence


class TestTransport:
    def test_fails_when_production_starts_without_secrets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(production, "read", lambda extra: {"PRODUCTION": True})
        assert "without its own secrets" in _run("2").evidence

    @pytest.mark.parametrize("name", ["SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"])
    def test_fails_when_a_flag_is_off(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        good = {**dict.fromkeys(production.NAMES, True), "DEBUG": False, "SESSION_COOKIE_SAMESITE": "Strict"}
        good["SECURE_HSTS_SECONDS"] = 63_072_000
        monkeypatch.setattr(production, "read", lambda extra: {**good, name: False} if extra else None)
        assert name in _run("2").evidence

    def test_fails_when_hsts_is_short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        good = {**dict.fromkeys(production.NAMES, True), "DEBUG": False, "SESSION_COOKIE_SAMESITE": "Strict"}
        monkeypatch.setattr(
            production, "read", lambda extra: {**good, "SECURE_HSTS_SECONDS": 60} if extra else None
        )
        assert "HSTS" in _run("2").evidence

    def test_fails_when_a_route_names_no_permission(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(LedgerView, "required_permission", None)
        assert "names no permission" in _run("2").evidence

    def test_reads_the_real_production_settings(self) -> None:
        assert production.read({}) is None
        found = production.read(production.secrets_for_a_try()) or {}
        assert found["SECURE_SSL_REDIRECT"] is True


class TestRoles:
    def test_fails_when_a_tier_may_too_much(self, monkeypatch: pytest.MonkeyPatch) -> None:
        wider = {**registry.ROLES, "agent": registry.ROLES["agent"] | {"tenant.admin"}}
        monkeypatch.setattr(registry, "ROLES", wider)
        assert "agent may tenant.admin" in _run("3").evidence

    def test_fails_when_a_tier_may_too_little(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(registry, "ROLES", {**registry.ROLES, "auditor": frozenset()})
        assert "auditor may not" in _run("3").evidence

    def test_fails_when_everything_is_allowed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checks.access, "is_allowed", lambda *args, **options: True)
        assert not _run("3").passed


class TestTokens:
    def test_fails_without_an_endpoint(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(people, "TOKEN_PATHS", ("/nowhere",))
        assert "no token endpoint" in _run("4").evidence

    def test_fails_when_any_token_is_accepted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(identity, "authenticate_token", lambda token, now: None)
        assert "is accepted" in _run("4").evidence

    def test_fails_when_the_second_factor_takes_any_code(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(people.TOTPDevice, "verify_token", lambda self, token: True)
        assert "twice" in _run("4").evidence


class TestMasking:
    def test_fails_when_nothing_is_masked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(masking, "mask_text", lambda text: text)
        assert "resident number is not masked" in _run("5").evidence

    def test_fails_when_labels_are_ignored(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(masking, "mask_fields", lambda value: value)
        assert "account_number" in _run("5").evidence

    def test_fails_when_the_export_is_open(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(LedgerExportView, "required_permission", "ledger.read")
        assert "no permission of its own" in _run("5").evidence

    def test_fails_when_an_agent_may_export(self, monkeypatch: pytest.MonkeyPatch) -> None:
        wider = {**registry.ROLES, "agent": registry.ROLES["agent"] | {"ledger.export"}}
        monkeypatch.setattr(registry, "ROLES", wider)
        assert "agent may export" in _run("5").evidence


class TestConsent:
    @pytest.mark.parametrize(
        ("name", "replacement", "told"),
        [
            ("require_consent", lambda **options: None, "never agreed"),
            ("revoke_consent", lambda **options: None, "withdrawn"),
            ("destroy_evidence", lambda **options: 0, "outlives"),
        ],
    )
    def test_fails_when_a_part_does_nothing(
        self, name: str, replacement: Callable[..., Any], told: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(privacy, name, replacement)
        assert told in _run("6").evidence

    def test_fails_when_evidence_is_stored_in_clear(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seal = encryption.seal

        def careless(plain: bytes, *, context: bytes) -> bytes:
            return plain if context.endswith(b".evidence") else seal(plain, context=context)

        monkeypatch.setattr(encryption, "seal", careless)
        assert "in clear" in _run("6").evidence


@pytest.mark.requirement("B-M2")
class TestChecklist:
    def test_is_signed_over_what_it_says(self) -> None:
        rows = [controls.Control("1", "t", False, "e")]
        signed = controls.checklist(rows, now=clock.now(), version="1")
        raw = keys.get_public_key(signed["kid"]).raw
        signature = base64.b64decode(signed["signature"])
        assert keys.has_signed(raw, canonical.encode(signed["statement"]), signature)
        signed["statement"]["passed"] = 6
        assert not keys.has_signed(raw, canonical.encode(signed["statement"]), signature)


class TestCommand:
    def test_prints_every_row_and_signs(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("controls", "--sign", str(tmp_path / "checklist.json"))
        assert "6/6 controls pass" in capsys.readouterr().out
        signed = json.loads((tmp_path / "checklist.json").read_text())
        assert signed["statement"]["passed"] == 6

    def test_exits_with_2_when_one_fails(self, settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
        settings.DOS_ENCRYPTION_KEYS = ""
        with pytest.raises(SystemExit) as caught:
            call_command("controls")
        assert caught.value.code == 2
        assert "FAIL" in capsys.readouterr().out
