"""Pages of the ledger: state, entries, proofs, verification in the background, export."""

from __future__ import annotations

import json
import re
import uuid
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.test import Client

from decisionos.kernel import clock
from decisionos.kernel.ledger import checking, state, verifications, verifying
from decisionos.kernel.ledger.enums import RunState
from decisionos.kernel.ledger.models import Entry, VerificationRun
from decisionos.kernel.tenants import scope
from tenancy.organizations import services as organizations
from tests.budgets import within_budget
from tests.decisionos.kernel.ledger.conftest import TENANT, fill
from tests.people import person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> uuid.UUID:
    """An organization with a chain of its own; nothing is sent to a worker."""
    monkeypatch.setattr(verifications.celery.current_app, "send_task", lambda *args, **kwargs: None)
    return organizations.create_organization(slug="acme", name="Acme").id


def text_of(answer: Any) -> str:
    content = re.sub(r"<(script|style)\b.*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", content))


def start(client: Client) -> Any:
    token = uuid.uuid4().hex
    return client.post("/ledger/verify", {"form_token": token})


class TestPermissions:
    @pytest.mark.parametrize(
        "path", ["/ledger", "/ledger/checkpoints", "/ledger/verifications", "/ledger/verify"]
    )
    def test_are_asked_for_every_page(self, tenant: uuid.UUID, path: str) -> None:
        fill(3, tenant=tenant)
        assert person(tenant, role="auditor").get(path).status_code == 200
        assert person(tenant, role="reviewer").get(path).status_code == 403
        assert Client().get(path).status_code == 302

    def test_to_export_is_its_own(self, tenant: uuid.UUID) -> None:
        fill(3, tenant=tenant)
        assert person(tenant, role="read_only").get("/ledger/export").status_code == 403
        answer = person(tenant, role="auditor").get("/ledger/export")
        lines = b"".join(answer.streaming_content).splitlines()
        assert json.loads(lines[0])["type"] == "header"
        assert json.loads(lines[-1])["type"] == "end"

    @pytest.mark.requirement("F-M1")
    def test_of_another_organization_open_nothing(self, tenant: uuid.UUID) -> None:
        entry = fill(3, tenant=tenant)[0]
        other = organizations.create_organization(slug="other", name="Other").id
        stranger = person(other, role="owner")
        for path in (f"/ledger/entries/{entry}", f"/ledger/entries/{entry}/proof.json"):
            assert stranger.get(path).status_code == 404
        assert stranger.post(f"/ledger/entries/{entry}").status_code == 404
        assert str(entry) not in stranger.get("/ledger").content.decode()


class TestEntries:
    def test_stand_in_the_order_of_the_chain(self, tenant: uuid.UUID) -> None:
        made = fill(5, tenant=tenant)
        content = person(tenant, role="auditor").get("/ledger").content.decode()
        found = re.findall(r'class="row-link" href="/ledger/entries/([0-9a-f-]{36})"', content)
        assert [one for one in found if uuid.UUID(one) in made] == [str(one) for one in reversed(made)]

    def test_are_narrowed_by_kind_subject_and_time(self, tenant: uuid.UUID) -> None:
        made = fill(5, tenant=tenant)
        client = person(tenant, role="auditor")

        def found(query: str) -> set[uuid.UUID]:
            content = client.get(f"/ledger?{query}").content.decode()
            return {uuid.UUID(one) for one in re.findall(r"/ledger/entries/([0-9a-f-]{36})", content)}

        assert found("kind=test.event") == set(made)
        assert found("subject_type=thing&subject_id=3") == {made[3]}
        assert found("kind=test.event&period=today") == set(made)
        assert found("kind=test.event&period=2020-01-01") == set()

    def test_show_their_content_as_text(self, tenant: uuid.UUID) -> None:
        entry = fill(1, tenant=tenant)[0]
        text = text_of(person(tenant, role="auditor").get(f"/ledger/entries/{entry}"))
        assert "test.event" in text
        assert "값" in text

    def test_stay_within_their_budgets(self, tenant: uuid.UUID) -> None:
        entry = fill(20, tenant=tenant)[0]
        client = person(tenant, role="auditor")
        pages = {
            "ledger": "/ledger",
            "ledger-checkpoints": "/ledger/checkpoints",
            "ledger-runs": "/ledger/verifications",
            "ledger entry": f"/ledger/entries/{entry}",
        }
        for name, path in pages.items():
            client.get(path)
            with within_budget(name):
                client.get(path)


class TestCheckEntry:
    def test_holds_for_what_was_sealed(self, tenant: uuid.UUID) -> None:
        entries = fill(9, tenant=tenant)
        with scope.tenant_scope(tenant):
            for entry in entries:
                found = checking.check_entry(entry)
                assert found.holds
                assert found.is_sealed
                assert len(found.steps) == 4

    def test_waits_for_the_seal(self, tenant: uuid.UUID) -> None:
        with scope.tenant_scope(tenant):
            from decisionos.kernel.ledger import services

            entry = services.append(kind="test.event", payload={})
            found = checking.check_entry(entry.id)
        assert found.holds
        assert not found.is_sealed

    def test_names_what_does_not_hold_after_an_edit(self, owner: psycopg.Connection) -> None:
        entry = fill(3)[1]
        owner.execute("UPDATE kernel_ledger_entry SET payload = '{\"n\": 99}' WHERE id = %s", [entry])
        with scope.tenant_scope(TENANT):
            found = checking.check_entry(entry)
        assert not found.holds
        assert not found.steps[0].holds
        assert not found.steps[2].holds

    def test_is_asked_for_in_the_page(self, tenant: uuid.UUID) -> None:
        entry = fill(2, tenant=tenant)[0]
        answer = person(tenant, role="auditor").post(
            f"/ledger/entries/{entry}", headers={"HX-Request": "true"}
        )
        assert "Proven." in text_of(answer)


class TestVerification:
    def test_runs_in_the_background_once_and_is_kept(self, tenant: uuid.UUID) -> None:
        fill(7, tenant=tenant)
        client = person(tenant, role="auditor")
        assert start(client).status_code == 302
        assert start(client).status_code == 302
        with scope.tenant_scope(tenant):
            run = VerificationRun.objects.get()
            assert (run.state, run.percent) == (RunState.QUEUED, 0)
            sealed = state.read().sealed
        assert "waits for a worker" in text_of(client.get("/ledger/verifications"))
        verifications.run_verification(tenant_id=tenant, run_id=run.id)
        with scope.tenant_scope(tenant):
            run = VerificationRun.objects.get()
            assert (run.state, run.is_valid, run.checked, run.percent) == (RunState.DONE, True, sealed, 100)
            assert Entry.objects.filter(kind="ledger.verified").count() == 1
        verifications.run_verification(tenant_id=tenant, run_id=run.id)
        with scope.tenant_scope(tenant):
            assert Entry.objects.filter(kind="ledger.verified").count() == 1
        assert "whole" in text_of(client.get("/ledger"))

    def test_double_send_of_a_form_is_one_run(self, tenant: uuid.UUID) -> None:
        fill(1, tenant=tenant)
        client = person(tenant, role="auditor")
        for _ in range(2):
            assert client.post("/ledger/verify", {"form_token": "one"}).status_code == 302
        with scope.tenant_scope(tenant):
            assert VerificationRun.objects.count() == 1

    def test_tells_its_progress_stretch_by_stretch(
        self, tenant: uuid.UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(10, tenant=tenant)
        monkeypatch.setattr(verifying.reading, "STRETCH", 4)
        told: list[int] = []
        with scope.tenant_scope(tenant):
            found = verifying.verify_ledger(tell=told.append)
        assert found.is_consistent
        assert told == sorted(told)
        assert told[-1] == found.entries
        assert len(told) >= 3

    def test_makes_a_broken_chain_a_matter_of_attention(self, owner: psycopg.Connection) -> None:
        entry = fill(4)[2]
        owner.execute("UPDATE kernel_ledger_entry SET kind = 'test.other' WHERE id = %s", [entry])
        with scope.tenant_scope(TENANT):
            run = VerificationRun.objects.create(entries=4)
        verifications.run_verification(tenant_id=TENANT, run_id=run.id)
        with scope.tenant_scope(TENANT):
            run = VerificationRun.objects.get()
            assert (run.state, run.is_valid) == (RunState.DONE, False)
            assert run.result["first_broken"]["entry_id"] == str(entry)
            assert state.read().tone == "bad"

    def test_that_died_is_followed_by_another(self, tenant: uuid.UUID) -> None:
        old = clock.now() - 2 * verifications.LONGEST_SILENCE
        with scope.tenant_scope(tenant):
            VerificationRun.objects.create(state=RunState.RUNNING, created_at=old, updated_at=old)
            made = verifications.start_verification(actor="t", now=clock.now())
            assert verifications.start_verification(actor="t", now=clock.now() + timedelta(seconds=1)) == made
            assert VerificationRun.objects.count() == 2

    def test_that_was_lost_on_its_way_is_sent_again(
        self, tenant: uuid.UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sent: list[Any] = []
        monkeypatch.setattr(
            verifications.celery.current_app, "send_task", lambda name, kwargs: sent.append(kwargs)
        )
        now = clock.now()
        for later in (timedelta(0), timedelta(seconds=1), verifications.LONGEST_WAIT * 2):
            with scope.tenant_scope(tenant):
                made = verifications.start_verification(actor="t", now=now + later)
        assert sent == [{"tenant_id": str(tenant), "run_id": str(made.id)}] * 2

    def test_that_fails_says_so(self, tenant: uuid.UUID, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(**kwargs: Any) -> None:
            raise RuntimeError("the disk is gone")

        monkeypatch.setattr(verifications.verifying, "verify_ledger", fail)
        with scope.tenant_scope(tenant):
            run = VerificationRun.objects.create()
        with pytest.raises(RuntimeError):
            verifications.run_verification(tenant_id=tenant, run_id=run.id)
        with scope.tenant_scope(tenant):
            assert VerificationRun.objects.get().error == "RuntimeError: the disk is gone"
