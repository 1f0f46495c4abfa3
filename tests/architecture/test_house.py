"""The house stands as it was drawn: imports, sizes, words, migrations, the admin."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.core.management import call_command
from django.db import models

from decisionos.kernel.admin import base

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "decisionos",
    "tenancy",
    "billing",
    "policy",
    "cases",
    "evidence",
    "academy",
    "deploy",
    "tests",
    "bench",
)
MOST_LINES, MOST_FUNCTION_LINES = 450, 60
# Put together here, so that this file does not hold what it looks for.
WORDS = tuple(
    a + b
    for a, b in (("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("NotImplemented", "Error("), ("/work/", "shared"))
)


def sources(*packages: str) -> Iterator[Path]:
    """Yield the source files that people wrote."""
    for package in packages or PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if "migrations" not in path.parts and "__pycache__" not in path.parts:
                yield path


def ours() -> list[type[models.Model]]:
    """Return the product's own models."""
    names = set(PACKAGES)
    return [model for model in apps.get_models() if model.__module__.split(".")[0] in names]


class TestImports:
    def test_every_contract_holds(self) -> None:
        script = (
            "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


class TestSizes:
    def test_no_file_is_longer_than_it_can_be_read(self) -> None:
        long = {
            path.relative_to(ROOT).as_posix(): lines
            for path in sources()
            if (lines := len(path.read_text().splitlines())) > MOST_LINES
        }
        assert long == {}

    def test_no_function_is_longer_than_a_screen(self) -> None:
        long = {}
        for path in sources():
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    lines = (node.end_lineno or node.lineno) - node.lineno + 1
                    if lines > MOST_FUNCTION_LINES:
                        long[f"{path.relative_to(ROOT)}:{node.name}"] = lines
        assert long == {}


class TestWords:
    @pytest.mark.parametrize("word", WORDS)
    def test_nothing_unfinished_is_left(self, word: str) -> None:
        product = [package for package in PACKAGES if package not in {"tests", "bench"}]
        found = [
            f"{path.relative_to(ROOT)}:{number}"
            for path in sources(*product)
            for number, line in enumerate(path.read_text().splitlines(), start=1)
            if word in line and not (word.startswith("NotImplemented") and _is_abstract(path, number))
        ]
        assert found == []

    def test_every_module_says_what_it_is(self) -> None:
        silent = [
            path.relative_to(ROOT).as_posix()
            for path in sources()
            if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
        ]
        assert silent == []


def _is_abstract(path: Path, number: int) -> bool:
    """Return whether a line stands in a method of a class that only its subclasses complete."""
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.ClassDef)
            and node.name.startswith("_")
            and node.lineno <= number <= (node.end_lineno or 0)
        ):
            return True
    return False


@pytest.mark.django_db
class TestMigrations:
    def test_say_what_the_models_say(self) -> None:
        call_command("makemigrations", "--check", "--dry-run", verbosity=0)


class TestAdmin:
    def test_shows_every_model(self) -> None:
        hidden = {model._meta.label for model in ours() if not admin.site.is_registered(model)}
        # Hashes of the Merkle tree in binary: there is nothing to look at.
        assert hidden <= {"kernel_ledger.Tile"}

    @pytest.mark.parametrize(
        "model",
        [model for model in ours() if admin.site.is_registered(model)],
        ids=lambda model: model._meta.label,
    )
    def test_each_class_is_sound(self, model: type[models.Model]) -> None:
        shown = admin.site.get_model_admin(model)
        assert shown.check() == []
        assert isinstance(shown, base.DosModelAdmin), "derive it from the kernel's admin base"
        assert shown.show_full_result_count is False
        secrets = {"secret_hash", "private_key", "password", "evidence", "payload_sealed"}
        assert not secrets & {str(name) for name in shown.get_list_display(None)}  # type: ignore[arg-type]
