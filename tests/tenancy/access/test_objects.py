"""Permissions on single objects: they open one object, for one member, until they are taken back."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from guardian.shortcuts import get_objects_for_user

from decisionos.kernel import errors
from decisionos.kernel.tenants import scope
from policy.decisions.models import ContractVersion
from policy.rules.models import RulesetVersion
from tenancy.access import objects
from tenancy.access import services as access
from tenancy.access.models import ObjectPermission
from tenancy.identity import services as identity
from tenancy.identity.models import User
from tenancy.organizations import services as organizations
from tenancy.organizations.models import Organization, Project
from tests.tenancy import cast

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def _member(place: Organization, email: str = "ann@example.com") -> User:
    person = identity.create_user(email=email, password=PASSWORD)
    with scope.tenant_scope(place.id):
        identity.add_member(user=person)
    return person


def _subject(place: Organization, person: User) -> access.Subject:
    return access.Subject(kind="user", id=person.id, tenant_id=place.id, user_id=person.id)


def _project(place: Organization, slug: str = "loans") -> Project:
    with scope.tenant_scope(place.id):
        return organizations.create_project(slug=slug, name=slug.title())


def _grant(one: cast.Actor, person: User, project: Project, **change: Any) -> Any:
    body = {
        "user_id": str(person.id),
        "kind": "project",
        "key": str(project.id),
        "permission": "project.manage",
        **change,
    }
    return one.call("POST", "rbac/objects/grant", body)


@pytest.mark.requirement("N-M3")
class TestAuthorize:
    """The one question, about one object."""

    def test_opens_that_project_and_no_other(self) -> None:
        one = cast.actor()
        place, person = one.organization, _member(one.organization)
        granted, other = _project(place), _project(place, "cards")
        assert _grant(one, person, granted).status_code == 201
        subject = _subject(place, person)
        with scope.tenant_scope(place.id):
            assert access.is_allowed(subject, "project.manage", granted)
            assert not access.is_allowed(subject, "project.manage", other)
            assert not access.is_allowed(subject, "project.manage")
            assert not access.is_allowed(subject, "tenant.admin", granted)
            access.authorize(subject, "project.manage", granted)

    def test_opens_it_to_no_one_else(self) -> None:
        one = cast.actor()
        granted = _project(one.organization)
        _grant(one, _member(one.organization), granted)
        bob = _subject(one.organization, _member(one.organization, "bob@example.com"))
        with scope.tenant_scope(one.organization.id):
            assert not access.is_allowed(bob, "project.manage", granted)

    def test_is_beaten_by_a_denial(self) -> None:
        one = cast.actor()
        person, granted = _member(one.organization), _project(one.organization)
        _grant(one, person, granted)
        with scope.tenant_scope(one.organization.id):
            access.grant(
                subject_kind="user", subject_id=person.id, permission="project.manage", effect="deny"
            )
            assert not access.is_allowed(_subject(one.organization, person), "project.manage", granted)

    def test_opens_a_door_of_the_api_for_that_object(self) -> None:
        one = cast.actor()
        person, granted, other = (
            _member(one.organization),
            _project(one.organization),
            _project(one.organization, "cards"),
        )
        token = cast.actor("", of=one.organization, kind="personal", user=person)
        assert token.call("DELETE", f"projects/{granted.id}").status_code == 403
        _grant(one, person, granted)
        assert token.call("DELETE", f"projects/{other.id}").status_code == 403
        assert token.call("DELETE", f"projects/{granted.id}").status_code == 204

    @pytest.mark.parametrize(("kind", "model"), [("contract", ContractVersion), ("ruleset", RulesetVersion)])
    def test_means_a_contract_or_ruleset_by_its_name(self, kind: str, model: Any) -> None:
        one = cast.actor()
        person = _member(one.organization)
        assert {known.name for known in objects.kinds()} >= {"project", "contract", "ruleset"}
        missing = _grant(one, person, Project(), kind=kind, key="lending", permission="policy.write")
        assert (missing.status_code, missing.json()["code"]) == (404, f"{kind}_not_found")
        subject = _subject(one.organization, person)
        with scope.tenant_scope(one.organization.id):
            known = next(found for found in objects.kinds() if found.name == kind)
            row = ObjectPermission(
                user=person,
                permission=objects._permission(known, "policy.write"),
                content_type=objects.ContentType.objects.get_for_model(model),
                object_pk="lending",
            )
            ObjectPermission.objects.bulk_create([row])
            assert str(row) == f"policy.write on {kind} lending"
            tenant = one.organization.id
            assert access.is_allowed(subject, "policy.write", model(name="lending", tenant_id=tenant))
            assert not access.is_allowed(subject, "policy.write", model(name="cards", tenant_id=tenant))
            assert not access.is_allowed(subject, "policy.read", model(name="lending", tenant_id=tenant))

    def test_is_what_guardian_itself_sees(self) -> None:
        one = cast.actor()
        person, granted = _member(one.organization), _project(one.organization)
        _grant(one, person, granted)
        with scope.tenant_scope(one.organization.id):
            found = get_objects_for_user(
                person, "tenancy_organizations.project.manage", klass=Project, accept_global_perms=False
            )
            assert [row.id for row in found] == [granted.id]
            assert person.has_perm("tenancy_organizations.project.manage", granted)


class TestGranting:
    """Who may grant what, and what it leaves."""

    def test_is_recorded_listed_and_taken_back(self) -> None:
        one = cast.actor()
        person, granted = _member(one.organization), _project(one.organization)
        made = _grant(one, person, granted)
        assert _grant(one, person, granted).json()["id"] == made.json()["id"]
        listed = one.call("GET", f"rbac/objects?user_id={person.id}").json()["results"]
        assert [(row["kind"], row["key"], row["permission"]) for row in listed] == [
            ("project", str(granted.id), "project.manage")
        ]
        assert one.call("POST", "rbac/objects/revoke", {"id": made.json()["id"]}).status_code == 200
        assert one.call("POST", "rbac/objects/revoke", {"id": made.json()["id"]}).status_code == 404
        assert one.call("GET", "rbac/objects").json()["results"] == []
        assert one.kinds()[-2:] == ["access.object_granted", "access.object_revoked"]
        subject = _subject(one.organization, person)
        with scope.tenant_scope(one.organization.id):
            assert not access.is_allowed(subject, "project.manage", granted)

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"kind": "moon"}, "/kind"),
            ({"permission": "billing.manage"}, "/permission"),
        ],
    )
    def test_names_what_is_wrong(self, change: dict[str, str], pointer: str) -> None:
        one = cast.actor()
        answer = _grant(one, _member(one.organization), _project(one.organization), **change)
        assert answer.status_code == 422
        assert pointer in {problem["pointer"] for problem in answer.json()["errors"]}

    def test_finds_only_members(self) -> None:
        one = cast.actor()
        stranger = str(uuid.UUID(int=9))
        answer = _grant(one, _member(one.organization), _project(one.organization), user_id=stranger)
        assert (answer.status_code, answer.json()["code"]) == (404, "member_not_found")

    @pytest.mark.parametrize("key", ["nothing", "00000000-0000-0000-0000-000000000009"])
    def test_finds_only_what_exists(self, key: str) -> None:
        one = cast.actor()
        assert _grant(one, _member(one.organization), Project(), key=key).status_code == 404

    def test_is_for_those_who_manage_roles_and_hold_it_themselves(self) -> None:
        one = cast.actor()
        person, granted = _member(one.organization), _project(one.organization)
        assert _grant(cast.actor("auditor", of=one.organization), person, granted).status_code == 403
        narrow = cast.actor("owner", of=one.organization, scopes=["rbac.manage"])
        refused = _grant(narrow, person, granted)
        assert (refused.status_code, refused.json()["permissions"]) == (403, ["project.manage"])

    def test_does_not_reach_another_organization(self) -> None:
        one, two = cast.actor(), cast.actor(slug="other")
        person, granted = _member(one.organization), _project(one.organization)
        with scope.tenant_scope(two.organization.id):
            identity.add_member(user=person)
        assert _grant(two, person, granted).status_code == 404
        made = _grant(one, person, granted)
        assert two.call("GET", "rbac/objects").json()["results"] == []
        assert two.call("POST", "rbac/objects/revoke", {"id": made.json()["id"]}).status_code == 404

    def test_is_kept_under_row_security(self) -> None:
        one, two = cast.actor(), cast.actor(slug="other")
        _grant(one, _member(one.organization), _project(one.organization))
        with scope.tenant_scope(two.organization.id), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM tenancy_access_objectpermission")
            assert cursor.fetchone() == (0,)

    def test_ends_for_somebody_who_never_belonged(self) -> None:
        one = cast.actor()
        stranger = identity.create_user(email="bob@example.com", password=PASSWORD)
        with scope.tenant_scope(one.organization.id), pytest.raises(errors.NotFound):
            objects.grant_object(user_id=stranger.id, kind="project", key="x", permission="project.manage")

    def test_is_shown_in_the_admin(self) -> None:
        one = cast.actor()
        person, granted = _member(one.organization), _project(one.organization)
        _grant(one, person, granted)
        boss = identity.create_user(
            email="boss@example.com", password=PASSWORD, is_staff=True, is_superuser=True
        )
        with scope.tenant_scope(one.organization.id):
            identity.add_member(user=boss)
        client = Client()
        client.force_login(boss, backend="django.contrib.auth.backends.ModelBackend")
        page = client.get("/admin/tenancy_access/objectpermission/").content.decode()
        assert "project.manage" in page
        assert str(granted.id) in page
        assert "ann@example.com" in page
