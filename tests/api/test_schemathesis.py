"""Schemathesis over every operation of the published document, through WSGI, as an admin of an organization.

Deterministic: the same examples each time. What is checked: no 5xx, every status and content type documented,
every answer as its schema says, bodies and parameters outside the schema refused, other verbs refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis

from decisionos.wsgi import application
from tests.api.document import document
from tests.conftest import _empty_tables
from tests.isolation import world

pytestmark = [
    pytest.mark.xdist_group("schemathesis"),
    pytest.mark.filterwarnings("ignore:EdDSA is deprecated"),
]
# What is well formed may still name nothing, or contradict the state or itself: that is 404, 409, 412 or 422.
ACCEPTED = ["2xx", "3xx", "401", "403", "404", "409", "412", "422"]
REJECTED = ["400", "401", "403", "404", "405", "406", "409", "412", "413", "415", "422"]
CONFIG = schemathesis.Config.from_dict(
    {
        "seed": 1,
        "generation": {
            "mode": "all",
            "max-examples": 6,
            "deterministic": True,
            "no-shrink": True,
            "with-security-parameters": False,
        },
        "phases": {"examples": {"enabled": False}, "stateful": {"enabled": False}},
        "checks": {
            "positive_data_acceptance": {"expected-statuses": ACCEPTED},
            "negative_data_rejection": {"expected-statuses": REJECTED},
        },
    }
)
schema = schemathesis.openapi.from_dict(document(), config=CONFIG)
schema.app = application


@pytest.fixture(scope="module")
def house(django_db_setup: None, django_db_blocker: Any) -> Iterator[world.House]:
    """An organization with rows of every kind, committed."""
    with world.standing(django_db_blocker, _empty_tables, "northwind") as (found,):
        yield found


@schemathesis.serializer("application/x-ndjson")
def ndjson(context: Any, value: Any) -> bytes:
    """Write one request as a line."""
    return json.dumps(value).encode() + b"\n"


@schema.parametrize()
def test_answers_as_documented(case: schemathesis.Case, house: world.House) -> None:
    case.call_and_validate(headers={"X-Api-Key": house.keys["admin"]})
