"""A suspended organization: refused by name at every door, whoever suspended it, and brought back."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client

from decisionos.kernel.tenants import scope
from tenancy.access import services as access
from tenancy.access import sessions
from tenancy.identity import keys
from tenancy.identity import services as identity
from tenancy.organizations import configuration, services
from tenancy.organizations.enums import OrganizationStatus
from tests.tenancy import cast

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"
CONTENT = {"tenant_id": "acme", "name": "Acme"}


def _suspend(one: cast.Actor) -> None:
    with scope.tenant_scope(one.organization.id):
        services.set_status(status=OrganizationStatus.SUSPENDED, reason="unpaid")
    cast.forget()


def _signed_in(one: cast.Actor) -> Client:
    person = identity.create_user(
        email="ann@example.com", password="correct horse battery", is_staff=True, is_superuser=True
    )
    with scope.tenant_scope(one.organization.id):
        identity.add_member(user=person)
        access.grant(subject_kind="user", subject_id=person.id, role="owner")
    client = Client()
    client.force_login(person, backend=BACKEND)
    return client


def _names_it(answer: HttpResponse) -> bool:
    told = json.loads(answer.content)
    return (answer.status_code, told["code"], told["organization"]) == (403, "tenant_suspended", "acme")


DOORS: dict[str, Callable[[cast.Actor], HttpResponse]] = {
    "a key": lambda one: one.call("GET", "whoami"),
    "the path": lambda one: one.call("GET", "t/acme/config"),
    "a decision": lambda one: one.call("POST", "decide/lending", {"input": {}}),
    "the token endpoint": lambda one: one.call("POST", "auth/token", {"grant_type": "client_credentials"}),
}


class TestDoors:
    """Where it is refused."""

    @pytest.mark.requirement("D-D19")
    @pytest.mark.parametrize("door", DOORS)
    def test_is_refused_by_name(self, door: str) -> None:
        one = cast.actor()
        _suspend(one)
        assert _names_it(DOORS[door](one))

    def test_is_refused_to_a_token_issued_before(self) -> None:
        one = cast.actor()
        made = one.call("POST", "auth/token", {"grant_type": "client_credentials"})
        token = json.loads(made.content)["access_token"]
        _suspend(one)
        assert _names_it(cast.call("GET", "whoami", Authorization=f"Bearer {token}"))

    def test_is_refused_to_a_signed_in_person_at_the_api_and_the_admin(self) -> None:
        one = cast.actor()
        client = _signed_in(one)
        assert client.get("/api/v1/whoami").status_code == 200
        _suspend(one)
        assert _names_it(client.get("/api/v1/whoami"))
        asked = {"Accept": "application/json"}
        assert _names_it(client.get("/admin/tenancy_identity/apikey/", headers=asked))
        assert client.post("/admin/logout/").status_code == 200

    def test_is_not_exchanged_for_another_in_silence(self) -> None:
        one, two = cast.actor(), cast.actor(slug="other")
        client = _signed_in(one)
        with scope.tenant_scope(two.organization.id):
            identity.add_member(user=identity.User.objects.get())
        assert client.get("/api/v1/whoami").json()["tenant"] == "acme"
        _suspend(one)
        assert _names_it(client.get("/api/v1/whoami"))
        session = client.session
        session[sessions.KEY] = str(two.organization.id)
        session.save()
        assert client.get("/api/v1/whoami").json()["tenant"] == "other"

    def test_leaves_other_organizations_alone(self) -> None:
        one, two = cast.actor(), cast.actor(slug="other")
        _suspend(one)
        assert two.call("GET", "whoami").status_code == 200


class TestConfiguration:
    """``status`` of a tenant.yaml."""

    @pytest.mark.requirement("D-M1")
    def test_suspends_the_organization_that_applies_it(self) -> None:
        one = cast.actor()
        assert one.call("POST", "config/reload", {**CONTENT, "status": "suspended"}).status_code == 200
        keys.forget()
        assert _names_it(one.call("GET", "whoami"))
        assert one.kinds()[-2:] == ["organization.suspended", "access.denied"]

    def test_brings_it_back_when_the_operator_applies_it(self) -> None:
        one = cast.actor()
        _suspend(one)
        with scope.tenant_scope(one.organization.id):
            configuration.reload(source=yaml.safe_dump({**CONTENT, "status": "active"}))
        cast.forget()
        assert one.call("GET", "whoami").status_code == 200

    def test_changes_nothing_where_it_is_silent(self) -> None:
        one = cast.actor()
        _suspend(one)
        with scope.tenant_scope(one.organization.id):
            configuration.reload(source=yaml.safe_dump(CONTENT))
        cast.forget()
        assert _names_it(one.call("GET", "whoami"))


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
class TestOperator:
    """The command on the machine itself."""

    def test_suspends_and_brings_back_with_a_reason(self, capsys: pytest.CaptureFixture[str]) -> None:
        one = cast.actor()
        call_command("organization", "suspend", "acme", reason="unpaid")
        cast.forget()
        assert _names_it(one.call("GET", "whoami"))
        call_command("organization", "activate", "acme", reason="paid")
        cast.forget()
        assert one.call("GET", "whoami").status_code == 200
        assert capsys.readouterr().out.split() == ["acme:", "suspended", "acme:", "active"]
        assert one.kinds()[-1] == "organization.active"

    def test_says_where_there_is_no_such_organization(self) -> None:
        with pytest.raises(CommandError, match="nobody"):
            call_command("organization", "suspend", "nobody", reason="x")
