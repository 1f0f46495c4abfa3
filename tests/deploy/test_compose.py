"""The container files, checked without a container engine: form, profiles, secrets, users."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]

_TEXTS: dict[str, Any] = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}
_PORT = r"^([0-9.]+:)?(\d+|\$\{[A-Z_]+:-\d+\}):\d+$"
_COMMAND: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_HEALTH: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "disable": {"type": "boolean"},
        "test": _COMMAND,
        "interval": {"type": "string", "pattern": r"^\d+(ms|s|m|h)$"},
        "timeout": {"type": "string", "pattern": r"^\d+(ms|s|m|h)$"},
        "start_period": {"type": "string", "pattern": r"^\d+(ms|s|m|h)$"},
        "retries": {"type": "integer", "minimum": 1},
    },
}
_DEPENDS: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "required": ["condition"],
        "additionalProperties": False,
        "properties": {
            "condition": {"enum": ["service_started", "service_healthy", "service_completed_successfully"]},
            "required": {"type": "boolean"},
            "restart": {"type": "boolean"},
        },
    },
}
_SERVICE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["image", "profiles", "networks"],
    "properties": {
        "image": {"type": "string"},
        "build": {
            "type": "object",
            "additionalProperties": False,
            "required": ["context"],
            "properties": {
                "context": {"type": "string"},
                "dockerfile": {"type": "string"},
                "args": {"type": "object"},
            },
        },
        "profiles": {**_TEXTS, "items": {"type": "string", "pattern": r"^[a-zA-Z0-9][a-zA-Z0-9_.-]+$"}},
        "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
        "read_only": {"type": "boolean"},
        "tmpfs": _TEXTS,
        "cap_drop": _TEXTS,
        "security_opt": _TEXTS,
        "environment": {"type": "object", "additionalProperties": _SCALAR},
        "volumes": _TEXTS,
        "networks": _TEXTS,
        "ports": {**_TEXTS, "items": {"type": "string", "pattern": _PORT}},
        "depends_on": _DEPENDS,
        "command": _COMMAND,
        "stop_grace_period": {"type": "string"},
        "shm_size": {"type": ["string", "integer"]},
        "healthcheck": _HEALTH,
        "logging": {
            "type": "object",
            "additionalProperties": False,
            "required": ["driver"],
            "properties": {
                "driver": {"type": "string"},
                "options": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
    },
}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["services"],
    "patternProperties": {"^x-": {}},
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
        "services": {"type": "object", "minProperties": 1, "additionalProperties": _SERVICE},
        "networks": {
            "type": "object",
            "additionalProperties": {
                "type": ["object", "null"],
                "additionalProperties": False,
                "properties": {"internal": {"type": "boolean"}, "driver": {"type": "string"}},
            },
        },
        "volumes": {
            "type": "object",
            "additionalProperties": {"type": ["object", "null"], "maxProperties": 0},
        },
    },
}


@pytest.fixture
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return document


@pytest.mark.requirement("C-D14")
class TestCompose:
    def test_follows_the_schema(self, compose: dict[str, Any]) -> None:
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        found = [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(compose)]
        assert found == []

    def test_the_schema_refuses_what_compose_would_refuse(self, compose: dict[str, Any]) -> None:
        compose["services"]["web"]["prots"] = ["80:80"]
        compose["services"]["tls"]["depends_on"]["web"]["condition"] = "healthy"
        found = jsonschema.Draft202012Validator(SCHEMA).iter_errors(compose)
        assert {error.path[1] for error in found} == {"web", "tls"}

    @pytest.mark.parametrize("profile", ["local", "single-tenant"])
    def test_each_profile_is_whole(self, profile: str, compose: dict[str, Any]) -> None:
        started = {name for name, service in compose["services"].items() if profile in service["profiles"]}
        assert {"web", "worker", "beat", "postgres", "redis"} <= started
        for name in started:
            assert set(compose["services"][name].get("depends_on", {})) <= started, name

    def test_every_network_and_volume_is_declared(self, compose: dict[str, Any]) -> None:
        for name, service in compose["services"].items():
            assert set(service["networks"]) <= set(compose["networks"]), name
            named = {text.split(":")[0] for text in service.get("volumes", []) if text[0] not in "./$"}
            assert named <= set(compose["volumes"]), name

    def test_data_stores_are_not_reachable_from_outside(self, compose: dict[str, Any]) -> None:
        for name in ("postgres", "redis"):
            assert "ports" not in compose["services"][name]
            assert compose["services"][name]["networks"] == ["inside"]
        assert compose["networks"]["inside"]["internal"] is True

    def test_no_secret_has_a_default(self, compose: dict[str, Any]) -> None:
        for service in compose["services"].values():
            for name, value in service.get("environment", {}).items():
                if re.search(r"SECRET|PASSWORD|ENCRYPTION", name):
                    assert ":?" in str(value), name

    def test_every_variable_is_explained_in_the_example(self) -> None:
        used = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "compose.yaml").read_text())) - {"DOS_IMAGE_TAG"}
        example = (ROOT / ".env.example").read_text()
        assert {name for name in used if not re.search(rf"^{name}=", example, re.MULTILINE)} == set()

    def test_the_example_holds_no_secret(self) -> None:
        for line in (ROOT / ".env.example").read_text().splitlines():
            name, _, value = line.partition("=")
            if not line.startswith("#") and re.search(r"SECRET|PASSWORD|ENCRYPTION", name):
                assert value == "", name


@pytest.mark.requirement("C-D14")
class TestImage:
    @pytest.fixture
    def lines(self) -> list[str]:
        return (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()

    def test_has_two_stages_and_ends_as_an_ordinary_user(self, lines: list[str]) -> None:
        assert sum(line.startswith("FROM ") for line in lines) == 2
        users = [line.split()[1] for line in lines if line.startswith("USER ")]
        assert users
        assert users[-1].split(":")[0] not in {"root", "0"}

    def test_installs_by_hash_only(self, lines: list[str]) -> None:
        installs = [line for line in lines if "pip install" in line]
        assert installs
        assert all("--require-hashes" in line for line in installs)
        pinned = (ROOT / "requirements" / "product.txt").read_text()
        packages = re.findall(r"^([a-z0-9][^=\s]*)==", pinned, re.MULTILINE | re.IGNORECASE)
        assert len(packages) > 20
        assert pinned.count("--hash=sha256:") >= len(packages)

    def test_leaves_secrets_and_history_out(self) -> None:
        ignored = (ROOT / ".dockerignore").read_text().split()
        assert {".git", ".env", ".venv", "var"} <= set(ignored)

    def test_copies_only_what_exists(self, lines: list[str]) -> None:
        for line in lines:
            if line.startswith("COPY ") and "--from" not in line:
                sources = [word for word in line.split()[1:-1] if not word.startswith("--")]
                assert all((ROOT / source).exists() for source in sources), line
