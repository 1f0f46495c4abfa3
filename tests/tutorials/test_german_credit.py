"""The tutorial, carried out: 1,000 real applications through the real doors, measured by their outcome."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from decisionos.dosctl import program
from decisionos.kernel.tenants import scope
from policy.packs import format as packs
from policy.packs import services as pack_services
from tenancy.identity import keys
from tenancy.organizations import services as organizations

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "tutorials" / "german-credit"
DATA = Path(os.environ.get("DOS_REFERENCE_DATA", ROOT.parent / "shared" / "data")) / "german_credit.csv"
pytestmark = [
    pytest.mark.skipif(not DATA.exists(), reason="the reference data are absent"),
]


def _rows() -> list[dict[str, Any]]:
    spec = importlib.util.spec_from_file_location("german_credit_convert", FOLDER / "convert.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.convert(DATA))


def _figures(classes: list[str], labels: list[int]) -> dict[str, float]:
    pairs = list(zip(classes, labels, strict=True))
    rejected = [label for name, label in pairs if name == "reject"]
    approved = [label for name, label in pairs if name == "approve"]
    return {
        "precision": rejected.count(0) / len(rejected),
        "recall": rejected.count(0) / labels.count(0),
        "review_rate": classes.count("review") / len(classes),
        "bad_among_approved": approved.count(0) / len(approved),
    }


@pytest.mark.django_db(transaction=True, databases=["default", "platform", "owner"])
class TestGermanCredit:
    @pytest.fixture
    def secrets(self) -> dict[str, str]:
        keys.forget()
        made = organizations.create_organization(slug="german", name="German credit")
        with scope.tenant_scope(made.id):
            return {role: keys.issue_key(name=role, role=role)[1] for role in ("owner", "agent", "auditor")}

    def _install(self, key: str) -> None:
        signed = pack_services.sign_files(packs.read_folder(FOLDER / "pack"))
        upload = SimpleUploadedFile("pack.zip", packs.write_archive(signed), content_type="application/zip")
        client = Client(headers={"X-Api-Key": key})
        answer = client.post("/api/v1/packs/import", {"archive": upload})
        assert answer.status_code == 201, answer.content
        answer = client.post(
            "/api/v1/packs/german_credit/versions/1.0.0/activate", content_type="application/json"
        )
        assert answer.status_code == 200, answer.content

    def test_decides_the_thousand_and_reports_precision_and_recall(
        self, secrets: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._install(secrets["owner"])
        rows = _rows()
        labels = [row.pop("label") for row in rows]
        body = "".join(json.dumps({"input": row}) + "\n" for row in rows)
        answer = Client(headers={"X-Api-Key": secrets["agent"]}).post(
            "/api/v1/decide/german_credit/batch", body.encode(), content_type="application/x-ndjson"
        )
        assert answer.status_code == 200
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        decisions = [json.loads(line) for line in content.splitlines() if line.strip()]
        assert len(decisions) == len(rows) == 1000
        figures = _figures([item["class"] for item in decisions], labels)
        with capsys.disabled():
            print("\nGerman credit:", {name: round(value, 4) for name, value in figures.items()})
        assert figures["precision"] == pytest.approx(0.6952, abs=1e-4)
        assert figures["recall"] == pytest.approx(0.2433, abs=1e-4)
        assert figures["bad_among_approved"] <= 0.12
        assert {item["class"] for item in decisions} == {"approve", "review", "reject"}
        first = Client(headers={"X-Api-Key": secrets["auditor"]}).get(
            f"/api/v1/explain/{decisions[0]['decision_id']}"
        )
        assert first.status_code == 200
        assert first.json()["class"] == decisions[0]["class"]

    def test_one_application_is_decided_with_its_reasons(self, secrets: dict[str, str]) -> None:
        self._install(secrets["owner"])
        row = next(row for row in _rows() if row["checking"] == "negative" and row["months"] > 36)
        row.pop("label")
        answer = Client(headers={"X-Api-Key": secrets["agent"]}).post(
            "/api/v1/decide/german_credit", json.dumps({"input": row}), content_type="application/json"
        )
        assert answer.status_code == 200, answer.content
        assert answer.json()["class"] == "reject"
        assert "loan_too_long" in answer.json()["reasons"]


class TestLocally:
    @pytest.mark.requirement("A-M2")
    def test_the_command_line_gives_the_same_figures(self, tmp_path: Path) -> None:
        rows = tmp_path / "rows.jsonl"
        rows.write_text("".join(json.dumps(row) + "\n" for row in _rows()))
        command = ["simulate", "german_credit", str(rows), "--local", "--pack", str(FOLDER / "pack")]
        assert program.main([*command, "--out", str(tmp_path)]) == 0
        metrics = json.loads((tmp_path / "report.json").read_text())["metrics"]
        assert metrics["rows"] == 1000
        assert metrics["labelled"] == 1000
        assert metrics["reject_precision"] == pytest.approx(0.6952)
        assert metrics["recall"] == pytest.approx(0.2433)
