"""The page of the organization's settings."""

from __future__ import annotations

import pytest

from decisionos.kernel.tenants import scope
from tenancy.organizations import configuration
from tests.tenancy import cast
from tests.tenancy.identity import people
from tests.tenancy.identity.people import signed_in

pytestmark = pytest.mark.django_db
FIRST = "tenant_id: acme\nname: Acme\n"
SECOND = FIRST + "limits: {max_qps: 7}\n"


class TestSettings:
    """The configuration in the console."""

    def test_checks_shows_the_difference_and_changes_nothing(self) -> None:
        one = cast.actor()
        people.person(one.organization)
        page = signed_in().post("/settings", {"source": SECOND, "act": "check"})
        assert page.status_code == 200
        assert "/limits" in page.content.decode()
        assert one.call("GET", "config").status_code == 404

    def test_puts_in_force_and_goes_back(self) -> None:
        one = cast.actor()
        people.person(one.organization)
        client = signed_in()
        for source in (FIRST, SECOND):
            assert client.post("/settings", {"source": source, "act": "apply"}).status_code == 302
        assert one.call("GET", "config").json()["number"] == 2
        assert client.post("/settings/versions/1/back").status_code == 302
        assert one.call("GET", "config").json()["number"] == 1
        assert client.post("/settings/versions/9/back").status_code == 404
        assert one.kinds().count("organization.config_applied") == 3

    @pytest.mark.parametrize(
        ("source", "told"),
        [("tenant_id: acme\nname: A\nzzz: 1\n", "/zzz"), ("{", "is not plain YAML"), ("", "required")],
    )
    def test_names_what_is_wrong_and_keeps_the_text(self, source: str, told: str) -> None:
        one = cast.actor()
        people.person(one.organization)
        page = signed_in().post("/settings", {"source": source, "act": "apply"})
        assert (page.status_code, told in page.content.decode()) == (422, True)
        with scope.tenant_scope(one.organization.id):
            assert configuration.find_active() is None

    def test_hands_out_no_more_than_one_holds(self) -> None:
        one = cast.actor()
        people.person(one.organization, role="admin")
        source = FIRST + "rbac_map: {helper: [vault.unseal]}\n"
        assert signed_in().post("/settings", {"source": source, "act": "apply"}).status_code == 403
        assert one.call("GET", "config").status_code == 404

    def test_is_the_administrators_alone(self) -> None:
        people.person(cast.organization(), role="auditor")
        client = signed_in()
        assert client.get("/settings").status_code == 403
        assert client.post("/settings/versions/1/back").status_code == 403
