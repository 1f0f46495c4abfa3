"""The workbench's pages: who may see and do what, and that a form acts once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from decisionos.kernel import clock
from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.tenants import scope
from policy.decisions import demo
from policy.decisions.contracts import cache
from policy.packs import services as packs
from policy.rules import contract_differences, drafts, people, services, starting, uses
from policy.rules.checking import check
from policy.rules.models import RulesetDraft, RulesetVersion
from tenancy.access import services as access
from tenancy.identity import services as identity
from tests import budgets
from tests.tenancy import cast

pytestmark = pytest.mark.django_db
LENDING = (Path(__file__).resolve().parents[3] / "packs/lending/rulesets/lending.yaml").read_text()
STRICTER = LENDING.replace("credit_score < 550", "credit_score < 600")
TOKEN = re.compile(r'name="form_token" value="(\w+)"')


class House:
    """An organization with the lending pack, and people of it."""

    def __init__(self) -> None:
        cache.clear()
        self.organization = cast.organization("workbench")
        self.tenant = self.organization.id
        with scope.tenant_scope(self.tenant):
            row = packs.import_pack(files=demo.bundled_pack(), actor="system:demo", now=clock.now())
            packs.activate_pack(name=row.name, version=row.version, actor="system:demo", now=clock.now())

    def client(self, role: str = "admin") -> Client:
        person = identity.create_user(
            email=f"{role}@example.com", password="correct horse battery", name=f"Ann {role}"
        )
        with scope.tenant_scope(self.tenant):
            identity.add_member(user=person)
            access.grant(subject_kind="user", subject_id=person.id, role=role)
        client = Client()
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        return client

    def save(self, text: str = STRICTER, **more: Any) -> str:
        with scope.tenant_scope(self.tenant):
            row, _checked = services.save_version(
                name="lending",
                source=text,
                contract="lending",
                version="",
                base_version="0.1.0",
                note=more.get("note", ""),
                actor="user:x",
            )
        return row.version

    def in_force(self) -> str:
        with scope.tenant_scope(self.tenant):
            return uses.contracts().get("lending").version


@pytest.fixture
def house() -> House:
    return House()


def token_of(answer: Any) -> str:
    found = TOKEN.findall(answer.content.decode())
    assert found
    return str(found[-1])


PAGES = [
    "/rules",
    "/rules/contracts/lending",
    "/rules/sets/lending",
    "/rules/sets/lending?version=0.1.0&against=0.1.0",
    "/rules/sets/lending/reach?contract=lending&version=0.1.0",
    "/rules/sets/lending/edit?contract=lending",
    "/rules/sets/lending/versions/0.1.0/activate?contract=lending",
    "/rules/new",
]


class TestPages:
    @pytest.mark.parametrize("path", PAGES)
    def test_are_shown_to_those_who_write_rules(self, house: House, path: str) -> None:
        assert house.client().get(path).status_code == 200

    @pytest.mark.parametrize(
        ("path", "status"), list(zip(PAGES, [200, 200, 200, 200, 403, 403, 403, 403], strict=True))
    )
    def test_show_readers_what_they_may_see(self, house: House, path: str, status: int) -> None:
        answer = house.client("auditor").get(path)
        assert answer.status_code == status
        if status == 200:
            assert "/edit" not in answer.content.decode()

    @pytest.mark.parametrize("path", PAGES)
    def test_send_strangers_to_sign_in(self, house: House, path: str) -> None:
        assert Client().get(path)["Location"].startswith("/login")

    @pytest.mark.parametrize(
        "path",
        [
            "/rules/sets/nothing",
            "/rules/sets/No%20Name",
            "/rules/sets/lending?version=9.9.9",
            "/rules/contracts/nothing",
            "/rules/sets/nothing/edit?contract=lending",
            "/rules/sets/lending/edit?contract=nothing",
            "/rules/sets/lending/versions/9.9.9/activate?contract=lending",
        ],
    )
    def test_know_only_what_there_is(self, house: House, path: str) -> None:
        assert house.client().get(path).status_code == 404

    def test_show_stored_script_as_text(self, house: House) -> None:
        evil = "<script>alert(1)</script>"
        version = house.save(STRICTER.replace("A score below 550", evil), note=evil)
        client = house.client()
        for path in (
            "/rules",
            f"/rules/sets/lending?version={version}&against=0.1.0",
            "/rules/sets/lending/edit?contract=lending",
            f"/rules/sets/lending/versions/{version}/activate?contract=lending",
        ):
            text = client.get(path).content.decode()
            assert evil not in text

    def test_say_who_wrote_what(self, house: House) -> None:
        client = house.client()
        author = client.session["_auth_user_id"]
        with scope.tenant_scope(house.tenant):
            drafts.save_draft(
                contract="lending",
                ruleset="lending",
                author=f"user:{author}",
                text="rules: [",
                base_version="0.1.0",
                revision=0,
                now=clock.now(),
            )
            names = people.names_of([f"user:{author}", "system:demo", "user:x", "odd"])
        assert names[f"user:{author}"] == "Ann admin"
        assert names["odd"] == "odd"
        assert "your draft" in client.get("/rules").content.decode()
        assert "Ann admin is writing too" in house.client("owner").get(
            "/rules/sets/lending/edit?contract=lending"
        ).content.decode().replace("\n", " ")


BUDGETED = {
    "rules": PAGES[0],
    "rules-contract": PAGES[1],
    "ruleset": PAGES[3],
    "ruleset-edit": PAGES[5],
    "ruleset-activate": PAGES[6],
}


class TestBudgets:
    @pytest.mark.parametrize("name", BUDGETED)
    def test_hold_however_many_versions_and_drafts_there_are(self, house: House, name: str) -> None:
        client = house.client()
        with scope.tenant_scope(house.tenant):
            for number in range(12):
                text = LENDING.replace("550", str(500 + number))
                services.save_ruleset_version(
                    source=text, version=f"1.0.{number}", created_by=f"user:{number}"
                )
                drafts.save_draft(
                    contract="lending",
                    ruleset="lending",
                    author=f"user:{number}",
                    text=text,
                    base_version="0.1.0",
                    revision=0,
                    now=clock.now(),
                )
        client.get(BUDGETED[name])
        with budgets.within_budget(name):
            assert client.get(BUDGETED[name]).status_code == 200


class TestNew:
    @pytest.mark.parametrize("kind", ["rules", "table"])
    def test_begins_as_a_draft_that_can_become_a_version(self, house: House, kind: str) -> None:
        client = house.client()
        form = {
            "form_token": token_of(client.get("/rules/new")),
            "name": "mine",
            "contract": "lending",
            "kind": kind,
        }
        answer = client.post("/rules/new", form)
        assert answer["Location"] == "/rules/sets/mine/edit?contract=lending"
        assert client.post("/rules/new", form)["Location"] == answer["Location"]
        assert client.get(answer["Location"]).status_code == 200
        with scope.tenant_scope(house.tenant):
            draft = RulesetDraft.objects.get()
            checked = check(draft.text, uses.contracts().get("lending").input_schema)
        assert (checked.kind, checked.is_valid, checked.problems) == (kind, True, ())

    @pytest.mark.parametrize("name", ["lending", "Not a name", ""])
    def test_refuses_a_name_that_is_taken_or_none(self, house: House, name: str) -> None:
        client = house.client()
        form = {"form_token": "t", "name": name, "contract": "lending", "kind": "rules"}
        answer = client.post("/rules/new", form)
        assert answer.status_code == 422
        assert 'class="error"' in answer.content.decode()

    @pytest.mark.parametrize(
        ("properties", "expected"),
        [
            ({"ok": {"type": "boolean"}}, "!ok"),
            ({"kind": {"type": "string", "enum": ["a", "b"]}}, "kind == 'a'"),
            ({"free": {"type": "string"}}, "true"),
        ],
    )
    @pytest.mark.parametrize("kind", ["rules", "table"])
    def test_fits_every_contract(self, properties: dict[str, Any], expected: str, kind: str) -> None:
        schema = {"type": "object", "properties": properties, "required": list(properties)}
        text = starting.text_of(kind, "mine", schema)
        if kind == "table" and expected == "true":
            return
        checked = check(text, schema)
        assert checked.is_valid, checked.problems
        assert expected in text or kind == "table"


class TestActivation:
    def test_shows_the_words_and_acts_once(self, house: House) -> None:
        version = house.save()
        client = house.client()
        path = f"/rules/sets/lending/versions/{version}/activate?contract=lending"
        shown = client.get(path)
        assert "the limit on credit_score goes up from 550 to 600" in shown.content.decode()
        form = {
            "form_token": token_of(shown),
            "contract": "lending",
            "confirm": "lending",
            "expected": "1.0.0",
            "reason": "losses",
        }
        for _time in range(2):
            assert client.post(path, form)["Location"] == "/rules/contracts/lending"
        assert house.in_force() == "1.0.0-local.1"
        with scope.tenant_scope(house.tenant):
            assert Entry.objects.filter(kind="contract.activated").count() == 2
        assert "Back to 1.0.0" in client.get("/rules/contracts/lending").content.decode()

    def test_wants_a_reason(self, house: House) -> None:
        version = house.save()
        client = house.client()
        path = f"/rules/sets/lending/versions/{version}/activate?contract=lending"
        form = {"form_token": "t", "contract": "lending", "confirm": "lending", "reason": " "}
        answer = client.post(path, form)
        assert answer.status_code == 422
        assert "Say why" in answer.content.decode()
        assert house.in_force() == "1.0.0"

    def test_tells_one_who_looked_at_another_version(self, house: House) -> None:
        version = house.save()
        form = {"form_token": "t", "contract": "lending", "confirm": "lending", "reason": "losses"}
        path = f"/rules/sets/lending/versions/{version}/activate?contract=lending"
        answer = house.client().post(path, {**form, "expected": "0.9.0"})
        assert answer.status_code == 409
        assert "1.0.0 is in force by now" in answer.content.decode()

    def test_is_taken_back_from_the_contracts_page(self, house: House) -> None:
        version = house.save()
        with scope.tenant_scope(house.tenant):
            services.activate(
                name="lending",
                version=version,
                contract="lending",
                expected="",
                reason="losses",
                confirm="lending",
                actor="user:x",
            )
        client = house.client()
        form = {
            "form_token": token_of(client.get("/rules/contracts/lending")),
            "expected": "1.0.0-local.1",
            "confirm": "lending",
            "reason": "too strict",
        }
        assert client.post("/rules/contracts/lending/rollback", form).status_code == 302
        assert house.in_force() == "1.0.0"
        refused = house.client("auditor").post("/rules/contracts/lending/rollback", form)
        assert refused.status_code == 403

    def test_waits_are_told_on_the_home_page(self, house: House) -> None:
        from policy.rules import console

        house.save()
        with scope.tenant_scope(house.tenant):
            waiting = list(console.find_waiting(None))  # type: ignore[arg-type]
            assert [item.title for item in waiting] == ["lending 0.1.0-local.1 waits"]
            found = [item.label for item in console.find_rules(None, "lend")]  # type: ignore[arg-type]
        assert found == ["lending", "lending_guards", "lending"]


class TestContractDifferences:
    def test_are_told_in_words(self, house: House) -> None:
        with scope.tenant_scope(house.tenant):
            before = uses.contracts().get("lending")
            assert RulesetVersion.objects.count() == 2
        schema = dict(before.input_schema)
        changed = {
            "type": "object",
            "required": ["dti"],
            "properties": {**schema["properties"], "dti": {"type": "number"}, "age": {"type": "integer"}},
        }
        changed["properties"].pop("region")
        after = uses.ContractFacts(
            name=before.name,
            version="2.0.0",
            state="draft",
            description=before.description,
            input_schema=changed,
            rulesets=(("lending", "0.2.0"), ("bands", "1.0.0")),
            created_by="",
            created_at=before.created_at,
            checklist=before.checklist,
            label_key=before.label_key,
            purpose="credit",
        )
        told = contract_differences.describe(before, after)
        assert told == [
            "lending goes from 0.1.0 to 0.2.0.",
            "The ruleset bands 1.0.0 takes part.",
            "The ruleset lending_guards no longer takes part.",
            "The field dti allows other values.",
            "The field age is new.",
            "The field region is gone.",
            "The field credit_score is now optional.",
            "The field income_verified is now optional.",
            "It now needs consent for credit.",
        ]
        assert contract_differences.describe(None, after) == ["The first version."]
        assert contract_differences.describe(before, before) == ["Nothing that decides changed."]
