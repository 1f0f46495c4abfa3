"""Packs over HTTP: imported whole or not at all, put in force, taken back."""

from __future__ import annotations

import io
import itertools
import tarfile
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from decisionos.kernel.ledger.models import Entry
from decisionos.kernel.tenants import scope
from policy.decisions import web
from policy.decisions.contracts import cache
from policy.decisions.models import ContractVersion
from policy.packs import format
from policy.packs import services as packs
from policy.packs.models import PackVersion
from policy.rules.models import RulesetVersion
from tenancy.identity import keys
from tenancy.organizations import services as organizations
from tests.policy.lending import APPROVED, FOLDER

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
numbers = itertools.count(1)


class House:
    """An organization and its keys."""

    def __init__(self) -> None:
        self.tenant = organizations.create_organization(slug=f"packs-{next(numbers)}", name="House").id
        with scope.tenant_scope(self.tenant):
            self.keys = {
                role: keys.issue_key(name=role, role=role)[1] for role in ("agent", "admin", "auditor")
            }

    def call(self, method: str, path: str, *, role: str = "admin", **more: Any) -> Any:
        sent = {"X-Api-Key": self.keys[role]}
        return getattr(Client(), method)(f"/api/v1/{path}", headers=sent, **more)

    def upload(self, archive: bytes, *, to: str = "import", role: str = "admin") -> Any:
        file = SimpleUploadedFile("pack.zip", archive, "application/zip")
        return self.call("post", f"packs/{to}", role=role, data={"archive": file})

    def decide(self) -> Any:
        cache.clear()
        body = {"input": APPROVED}
        return self.call(
            "post", "decide/lending", role="agent", data=body, content_type="application/json"
        ).json()

    def is_empty(self) -> bool:
        with scope.tenant_scope(self.tenant):
            return not (
                PackVersion.objects.exists()
                or RulesetVersion.objects.exists()
                or ContractVersion.objects.exists()
                or Entry.objects.filter(kind__startswith="pack.").exists()
                or Entry.objects.filter(kind="ruleset.saved").exists()
            )


@pytest.fixture
def house() -> House:
    cache.clear()
    web.forget()
    keys.forget()
    return House()


def pack(version: str = "0.1.0", limit: str = "550") -> dict[str, bytes]:
    """Return the lending pack in a version, signed by this installation."""
    files = format.read_folder(FOLDER)
    changes = [("pack.yaml", "version: 0.1.0", f"version: {version}")]
    changes += [("rulesets/lending.yaml", "credit_score < 550", f"credit_score < {limit}")]
    if version != "0.1.0":
        changes += [("contracts/lending.yaml", "version: 1.0.0", f"version: {version}")]
    for path, old, new in changes:
        files[path] = files[path].replace(old.encode(), new.encode())
    return packs.sign_files(files)


class TestImport:
    @pytest.mark.requirement("A-D4")
    def test_takes_a_signed_archive_as_multipart(self, house: House) -> None:
        archive = format.write_archive(pack())
        told = house.upload(archive, to="verify").json()
        assert (told["name"], told["findings"]) == ("lending", [])
        assert house.is_empty()
        made = house.upload(archive)
        assert made.status_code == 201, made.content
        assert made.json()["state"] == "imported"
        assert house.upload(archive).json()["id"] == made.json()["id"]
        with scope.tenant_scope(house.tenant):
            assert {row.origin for row in RulesetVersion.objects.all()} == {"lending 0.1.0"}

    def test_refuses_a_bad_signature_whole(self, house: House) -> None:
        files = pack()
        files["rulesets/lending.yaml"] += b"# changed\n"
        files[format.MANIFEST] = packs.sign_files({**files})[format.MANIFEST]
        refused = house.upload(format.write_archive(files))
        assert (refused.status_code, refused.json()["code"]) == (422, "pack_signature_refused")
        assert house.is_empty()

    def test_refuses_a_changed_file_whole(self, house: House) -> None:
        files = pack()
        files["rulesets/lending_guards.yaml"] += b"# changed\n"
        refused = house.upload(format.write_archive(files))
        assert (refused.status_code, refused.json()["code"]) == (422, "pack_file_differs")
        assert house.is_empty()

    @pytest.mark.parametrize(
        "path", ["../evil.yaml", "/etc/evil.yaml", "rulesets/../../evil.yaml", "a\\b.yaml"]
    )
    @pytest.mark.parametrize("kind", ["zip", "tar"])
    def test_refuses_a_path_that_leaves_the_pack_whole(self, house: House, path: str, kind: str) -> None:
        files = {**pack(), path: b"x"}
        out = io.BytesIO()
        if kind == "zip":
            with zipfile.ZipFile(out, "w") as archive:
                for name, content in files.items():
                    archive.writestr(name, content)
        else:
            with tarfile.open(fileobj=out, mode="w:gz") as tar:
                for name, content in files.items():
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
        refused = house.upload(out.getvalue())
        assert (refused.status_code, refused.json()["code"]) == (422, "pack_path_refused")
        assert house.is_empty()

    def test_refuses_rules_that_do_not_fit_their_contract_whole(self, house: House) -> None:
        files = format.read_folder(FOLDER)
        files["rulesets/lending.yaml"] = files["rulesets/lending.yaml"].replace(b"dti > 0.60", b"dit > 0.60")
        refused = house.upload(format.write_archive(packs.sign_files(files)))
        assert refused.status_code == 422
        assert house.is_empty()

    def test_refuses_other_content_under_a_taken_version(self, house: House) -> None:
        house.upload(format.write_archive(pack()))
        refused = house.upload(format.write_archive(pack(limit="600")))
        assert (refused.status_code, refused.json()["code"]) == (409, "pack_version_conflict")

    def test_needs_an_archive_and_the_permission(self, house: House) -> None:
        assert house.call("post", "packs/import", data={}).status_code == 422
        assert house.upload(b"no archive").status_code == 422
        archive = format.write_archive(pack())
        for role in ("agent", "auditor"):
            assert house.upload(archive, role=role).status_code == 403
        assert house.is_empty()


class TestRollBack:
    @pytest.mark.requirement("A-D4")
    def test_puts_the_behaviour_of_the_version_before_back(self, house: House) -> None:
        for files in (pack(), pack("0.2.0", "730")):
            assert house.upload(format.write_archive(files)).status_code == 201
        house.call("post", "packs/lending/versions/0.1.0/activate")
        first = house.decide()
        assert first["class"] == "approve"
        house.call("post", "packs/lending/versions/0.2.0/activate")
        assert house.decide()["class"] == "reject"
        back = house.call("post", "packs/lending/rollback")
        assert (back.status_code, back.json()["version"], back.json()["state"]) == (200, "0.1.0", "active")
        again = house.decide()
        assert (again["class"], again["reasons"], again["versions"]) == (
            first["class"],
            first["reasons"],
            first["versions"],
        )
        states = {row["version"]: row["state"] for row in house.call("get", "packs").json()["results"]}
        assert states == {"0.1.0": "active", "0.2.0": "retired"}
        with scope.tenant_scope(house.tenant):
            kinds = list(
                Entry.objects.filter(kind__startswith="pack.").order_by("id").values_list("kind", flat=True)
            )
        assert kinds == ["pack.imported"] * 2 + ["pack.activated"] * 2 + ["pack.rolled_back"]

    def test_has_nothing_before_the_first(self, house: House) -> None:
        house.upload(format.write_archive(pack()))
        house.call("post", "packs/lending/versions/0.1.0/activate")
        refused = house.call("post", "packs/lending/rollback")
        assert (refused.status_code, refused.json()["code"]) == (409, "pack_nothing_before")
        assert house.call("post", "packs/lending/versions/9.0.0/activate").status_code == 404
        assert house.call("post", "packs/lending/rollback", role="agent").status_code == 403
        assert House().call("post", "packs/lending/rollback").status_code == 404
