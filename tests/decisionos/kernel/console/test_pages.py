"""Pages: who is let in, in which place, and what is told when something is refused."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.tenants import scope
from tenancy.access import services as access
from tenancy.identity import services as identity
from tenancy.identity.models import User
from tenancy.organizations.models import Environment, Organization, Project
from tests.tenancy import cast

pytestmark = pytest.mark.django_db


def person(*places: Organization, role: str = "admin", **more: Any) -> User:
    """Return a member of organizations, with a role in each."""
    found = identity.create_user(email="ann@example.com", password="correct horse battery", **more)
    for place in places:
        with scope.tenant_scope(place.id):
            identity.add_member(user=found)
            access.grant(subject_kind="user", subject_id=found.id, role=role)
    return found


def signed_in(found: User) -> Client:
    """Return a browser in which somebody is signed in."""
    client = Client()
    client.force_login(found, backend="django.contrib.auth.backends.ModelBackend")
    return client


class TestDoor:
    """Who is let in."""

    def test_sends_strangers_to_sign_in_and_back(self, client: Client) -> None:
        answer = client.get("/gallery?x=1")
        assert (answer.status_code, answer["Location"]) == (302, "/login?next=%2Fgallery%3Fx%3D1")

    def test_tells_htmx_and_programs_apart_from_people(self, client: Client) -> None:
        part = client.get("/gallery", headers={"HX-Request": "true"})
        assert part.status_code == 401
        assert part["HX-Retarget"] == "#toasts"
        assert "dos:signed-out" in part["HX-Trigger"]
        program = client.get("/gallery", headers={"Accept": "application/json"})
        assert program.json()["code"] == "unauthenticated"

    def test_lets_a_member_in_and_shows_where_they_work(self) -> None:
        client = signed_in(person(cast.organization()))
        answer = client.get("/gallery")
        assert answer.status_code == 200
        assert "Default" in answer.content.decode()
        assert "Production" in answer.content.decode()

    def test_says_what_to_do_to_somebody_without_an_organization(self) -> None:
        answer = signed_in(person()).get("/gallery")
        assert answer.status_code == 403
        assert "You belong to no organization yet" in answer.content.decode()


class TestPlaces:
    """Switching."""

    def test_moves_the_session_and_stands_in_the_ledger_of_the_new_place(self) -> None:
        one, two = cast.organization(), cast.organization("other")
        client = signed_in(person(one, two))
        with scope.tenant_scope(two.id):
            project = Project.objects.get()
            stage = Environment.objects.get(kind="dev")
        answer = client.post(
            "/console/places",
            {"organization": str(two.id), "project": str(project.id), "environment": str(stage.id)},
        )
        assert answer.status_code == 302
        assert "Development" in client.get("/gallery").content.decode()
        with scope.tenant_scope(two.id):
            entry = Entry.objects.get(kind="access.place_entered")
            assert entry.payload["environment"] == "dev"

    def test_refuses_a_place_of_somebody_else(self) -> None:
        one, two = cast.organization(), cast.organization("other")
        client = signed_in(person(one))
        assert client.post("/console/places", {"organization": str(two.id)}).status_code == 404
        answer = client.post("/console/places", {"organization": str(one.id), "project": str(uuid.uuid4())})
        assert answer.status_code == 404


class TestSignIn:
    """Signing in and out."""

    def test_opens_with_the_password_and_goes_on(self, client: Client) -> None:
        person(cast.organization())
        form = {"email": "Ann@example.com", "password": "correct horse battery", "next": "/gallery"}
        answer = client.post("/login?next=/gallery", form, follow=True)
        assert answer.request["PATH_INFO"] == "/gallery"
        assert client.post("/logout")["Location"] == "/login"
        assert client.get("/gallery").status_code == 302

    def test_stays_closed_with_a_wrong_one_and_never_leaves_the_site(self, client: Client) -> None:
        person(cast.organization())
        wrong = client.post("/login", {"email": "ann@example.com", "password": "no"})
        assert wrong.status_code == 422
        answer = client.post(
            "/login?next=https://evil.example",
            {"email": "ann@example.com", "password": "correct horse battery"},
        )
        assert answer["Location"].startswith("/")
        assert client.get(answer["Location"])["Location"] == "/"


class TestFailures:
    """Refusals as pages."""

    def test_are_pages_for_people_and_problems_for_programs(self, client: Client) -> None:
        page = client.get("/nothing/here")
        assert page.status_code == 404
        assert "There is nothing here" in page.content.decode()
        assert client.get("/api/v1/nothing").json()["code"] == "not_found"

    def test_explain_a_form_of_another_session(self) -> None:
        client = Client(enforce_csrf_checks=True)
        answer = client.post("/login", {"email": "a@b.example", "password": "x"})
        assert answer.status_code == 403
        assert "another session" in answer.content.decode()
